"""``python -m txsockjs`` is the command ``txsockjs``."""

import sys

from txsockjs.command.main import main

if __name__ == "__main__":
    sys.exit(main())
