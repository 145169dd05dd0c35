// What browsers do with libraries that speak a subprotocol, over raw WebSockets and over SockJS.
// scenarios.run(SockJS, name, options) resolves with a value fit for JSON, or with {error}.
'use strict';

globalThis.scenarios = (() => {
  const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i);

  const intact = (data) =>
    data.length === everyByte.length && data.every((byte, i) => byte === everyByte[i]);

  const scenarios = {
    // Sends texts, and a large one, to a destination that is subscribed to, and leaves in good
    // order. Where there is a transport, it is one of SockJS's.
    stomp({ url, transport, texts, large, headers }) {
      const bodies = [...texts, 'x'.repeat(large)];
      return new Promise((resolve, reject) => {
        const received = [];
        let agreed;
        const client = new StompJs.Client({
          ...(transport
            ? { webSocketFactory: () => new SockJS(url, null, { transports: transport }) }
            : { brokerURL: url }),
          connectHeaders: headers,
          reconnectDelay: 0,
          onConnect({ headers: { version } }) {
            agreed = { protocol: client.webSocket.protocol, version };
            client.subscribe('/topic/browsers', (message) => {
              received.push(message.body);
              if (received.length === bodies.length) client.deactivate();
            });
            for (const body of bodies) client.publish({ destination: '/topic/browsers', body });
          },
          onDisconnect: () => resolve({ ...agreed, received }),
          onStompError: (frame) => reject(new Error(frame.headers.message + frame.body)),
          onWebSocketClose: ({ code }) => reject(new Error(`closed with ${code}`)),
        });
        client.activate();
      });
    },

    // Publishes all bytes that there are to a topic that is subscribed to.
    mqtt({ url, credentials }) {
      return new Promise((resolve, reject) => {
        const client = mqtt.connect(url, { ...credentials, reconnectPeriod: 0 });
        client.on('error', reject);
        client.on('connect', async () => {
          await client.subscribeAsync('bytes');
          client.publish('bytes', everyByte);
        });
        client.on('message', async (topic, payload) => {
          client.removeAllListeners('close');
          await client.endAsync();
          resolve({ topic, intact: intact(payload) });
        });
        client.on('close', () => reject(new Error('closed')));
      });
    },

    // Takes all results of a subscription.
    async graphql({ url, query }) {
      let agreed;
      const client = graphqlWs.createClient({
        url,
        retryAttempts: 0,
        on: { connected: (socket) => { agreed = socket.protocol; } },
      });
      const results = [];
      for await (const { data } of client.iterate({ query })) results.push(data);
      await client.dispose();
      return { protocol: agreed, results };
    },

    // A WebSocket that offers something, or nothing: whether it opens, and with what.
    bare({ url, offers }) {
      return new Promise((resolve) => {
        const socket = new WebSocket(url, offers);
        let opened = false;
        socket.onopen = () => {
          opened = true;
          socket.close(1000);
        };
        socket.onclose = ({ code }) => resolve({ opened, code, protocol: socket.protocol });
      });
    },

    // Binary and text messages to an echo, which tells them apart.
    binary({ url, size }) {
      return new Promise((resolve) => {
        const socket = new WebSocket(url);
        socket.binaryType = 'arraybuffer';
        const sent = [everyByte.buffer, 'text \u2603', new ArrayBuffer(0), new ArrayBuffer(size)];
        const received = [];
        socket.onopen = () => sent.forEach((message) => socket.send(message));
        socket.onmessage = ({ data }) => {
          received.push(data);
          if (received.length === sent.length) socket.close(1000);
        };
        socket.onclose = ({ code }) => resolve({
          code,
          intact: intact(new Uint8Array(received[0])),
          text: received[1],
          sizes: received.map((data) => data.byteLength ?? null),
        });
      });
    },
  };

  return {
    run(SockJS, name, options) {
      return Promise.race([
        scenarios[name](options),
        new Promise((resolve) => {
          setTimeout(() => resolve({ error: 'timeout' }), options.patience);
        }),
      ]).catch((error) => ({ error: String(error.stack ?? error) }));
    },
  };
})();
