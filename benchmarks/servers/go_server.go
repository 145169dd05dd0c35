// sockjs-go, as Debian has it.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/gorilla/websocket"
	"github.com/igm/sockjs-go/v3/sockjs"
)

func echo(session sockjs.Session) {
	for {
		message, err := session.Recv()
		if err != nil {
			return
		}
		session.Send(message)
	}
}

var everybody = struct {
	sync.Mutex
	sessions map[string]sockjs.Session
}{sessions: map[string]sockjs.Session{}}

// A Send that waits for its client makes all others wait.
func broadcast(session sockjs.Session) {
	everybody.Lock()
	everybody.sessions[session.ID()] = session
	everybody.Unlock()
	for {
		message, err := session.Recv()
		everybody.Lock()
		if err != nil {
			delete(everybody.sessions, session.ID())
			everybody.Unlock()
			return
		}
		for _, other := range everybody.sessions {
			other.Send(message)
		}
		everybody.Unlock()
	}
}

func main() {
	pem := flag.String("tls", "", "a certificate with its key")
	flag.Parse()

	compressing := sockjs.DefaultOptions
	compressing.WebsocketUpgrader = &websocket.Upgrader{EnableCompression: true}
	mux := http.NewServeMux()
	mux.Handle("/echo/", sockjs.NewHandler("/echo", sockjs.DefaultOptions, echo))
	mux.Handle("/deflate/", sockjs.NewHandler("/deflate", compressing, echo))
	mux.Handle("/broadcast/", sockjs.NewHandler("/broadcast", sockjs.DefaultOptions, broadcast))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if *pem != "" {
		pair, err := tls.LoadX509KeyPair(*pem, *pem)
		if err != nil {
			panic(err)
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	go http.Serve(listener, mux)
	fmt.Println("listening", port)

	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	<-ended
}
