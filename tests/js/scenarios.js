// What the tests do with the stock SockJS client, in Node and in browsers alike.
// scenarios.run(SockJS, name, options) resolves with a value fit for JSON, or with
// {error, ...} where the scenario did not come to its end; it never rejects.
(function (root, define) {
  'use strict';
  if (typeof module === 'object' && module.exports) {
    module.exports = define();
  } else {
    root.scenarios = define();
  }
})(this, function () {
  'use strict';

  const chars = (first, last) =>
    Array.from({ length: last - first + 1 }, (_, i) => String.fromCharCode(first + i)).join('');

  // Messages that a careless server damages, doubles, drops or dies of.
  function awkward() {
    return [
      chars(0x00, 0xff),
      chars(0x200c, 0x200f) + chars(0x2028, 0x202f) + chars(0x2060, 0x206f) + chars(0xfff0, 0xffff),
      '\u{10000}\u{1f600}\u{1f468}\u200d\u{1f469}\u{10ffff}',
      '%', '100%', '%25', '%u0041', '%E2%82%AC', '%zz',
      '</script>', '</ScRiPt ><script>parent.broken = 1</script>', '<!--', '-->', '<!--<script>', ']]>',
      '',
      '"', "'", '\\', '\\u0041', '\\"', '/', '\b\f\n\r\t', '\r\n\r\ndata: c[3000,"x"]\r\n\r\n',
      'o', 'h', 'a["x"]', 'c[3000,"Go away!"]', '[]', 'null', ' ', '\ufeff',
      'x'.repeat(40 * 1024),
      '\u20ac'.repeat(40 * 1024 / 3),
    ];
  }

  function messages(count) {
    const list = awkward();
    while (list.length < count) {
      list.push('message ' + list.length);
    }
    return list.slice(0, count);
  }

  // ASCII only, so that a difference stays readable in any log.
  const show = (text) =>
    JSON.stringify(text.slice(0, 60)).replace(/[^ -~]/g, (c) =>
      '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')) + ' of ' + text.length;

  function compare(sent, received) {
    const wrong = [];
    for (let i = 0; i < Math.max(sent.length, received.length); i++) {
      if (sent[i] !== received[i]) {
        wrong.push([sent[i], received[i]].map((text) => text === undefined ? null : show(text)));
      }
    }
    return { sent: sent.length, received: received.length, wrong: wrong.slice(0, 5) };
  }

  // Opens a session and gives its events to `handlers`, each called with (finish, sock, data).
  // The promise is kept by finish(value), by a close that nobody handled, or by the deadline.
  function session(SockJS, options, handlers) {
    return new Promise((resolve) => {
      const sock = new SockJS(options.url, undefined, {
        transports: options.transport && [options.transport],
        // By itself the client waits for a transport a few times as long as for info,
        // which on a busy machine may be too short for a page with an iframe.
        timeout: options.patience,
        sessionId: options.sessionId && (() => options.sessionId),
      });
      const state = { open: 0, messages: 0 };
      const deadline = setTimeout(() => finish({ error: 'timeout' }), options.timeout || 30000);
      function finish(value) {
        clearTimeout(deadline);
        resolve(value.error ? Object.assign({ state }, value) : value);
        sock.onopen = sock.onmessage = sock.onclose = null;
        sock.close();
      }
      sock.onopen = () => {
        state.open += 1;
        state.transport = sock.transport;
        if (handlers.open) handlers.open(finish, sock);
      };
      sock.onmessage = (event) => {
        state.messages += 1;
        if (handlers.message) handlers.message(finish, sock, event.data);
      };
      sock.onclose = (event) => {
        const close = { code: event.code, reason: event.reason, wasClean: event.wasClean, opened: state.open };
        if (handlers.close) {
          handlers.close(finish, sock, close);
        } else {
          finish({ error: 'closed', close });
        }
      };
    });
  }

  const all = {
    // Each message waits for the echo of the one before.
    pingPong(SockJS, options) {
      const sent = messages(options.count || 100);
      const received = [];
      return session(SockJS, options, {
        open: (finish, sock) => sock.send(sent[0]),
        message(finish, sock, data) {
          received.push(data);
          if (received.length < sent.length) {
            sock.send(sent[received.length]);
          } else {
            finish(compare(sent, received));
          }
        },
        close: (finish, sock, close) => finish({ error: 'closed', close, ...compare(sent, received) }),
      });
    },

    // All messages at once, back in the same order.
    burst(SockJS, options) {
      const sent = messages(options.count || 100);
      const received = [];
      return session(SockJS, options, {
        open: (finish, sock) => sent.forEach((message) => sock.send(message)),
        message(finish, sock, data) {
          received.push(data);
          if (received.length === sent.length) {
            finish(compare(sent, received));
          }
        },
        close: (finish, sock, close) => finish({ error: 'closed', close, ...compare(sent, received) }),
      });
    },

    // One message down of 2 ** exponent characters.
    large(SockJS, options) {
      return session(SockJS, options, {
        open: (finish, sock) => sock.send(String(options.exponent)),
        message: (finish, sock, data) => finish({ length: data.length, intact: /^x*$/.test(data) }),
      });
    },

    // The server closes: by itself, or asked to by the first message.
    serverClose(SockJS, options) {
      const received = [];
      return session(SockJS, options, {
        open: (finish, sock) => options.message && sock.send(options.message),
        message: (finish, sock, data) => received.push(data),
        close: (finish, sock, close) => finish({ ...close, received }),
      });
    },

    // The client closes, once the server has echoed its name.
    clientClose(SockJS, options) {
      return session(SockJS, options, {
        open: (finish, sock) => sock.send(options.message),
        message: (finish, sock) => sock.close(options.code, options.reason),
        close: (finish, sock, close) => finish(close),
      });
    },

    // In several sessions side by side numbers go either way, until the server closes; then in
    // another session each, until `enough` have come.
    roll(SockJS, options) {
      function count(name, enough) {
        const seen = { name, sent: 0, received: 0, wrong: null };
        let timer;
        return session(SockJS, options, {
          open(finish, sock) {
            timer = setInterval(() => {
              sock.send(name + ' ' + seen.sent);
              seen.sent += 1;
            }, 50);
          },
          message(finish, sock, data) {
            if (data.split(' ')[0] !== String(seen.received) && !seen.wrong) seen.wrong = data;
            seen.received += 1;
            if (seen.received === enough) finish(seen);
          },
          close: (finish, sock, close) =>
            finish({ ...seen, how: [close.code, close.reason, close.wasClean] }),
        }).finally(() => clearInterval(timer));
      }
      return Promise.all(options.names.map(async (name) =>
        [await count(name), await count(name + ' again', options.enough)]));
    },

    // What the client chose, and what the server answers to one message.
    ask(SockJS, options) {
      return session(SockJS, options, {
        open: (finish, sock) => sock.send(options.message),
        message: (finish, sock, data) => finish({ transport: sock.transport, answer: data }),
      });
    },
  };

  async function run(SockJS, name, options) {
    try {
      return await all[name](SockJS, options);
    } catch (error) {
      return { error: String(error), stack: error.stack };
    }
  }

  return { run, names: Object.keys(all), messages };
});
