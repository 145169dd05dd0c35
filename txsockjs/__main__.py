"""C{python -m txsockjs} is the command C{txsockjs}."""

import sys

from txsockjs.command.main import main

if __name__ == "__main__":
    sys.exit(main())
