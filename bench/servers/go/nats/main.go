// The peer: nats-server as its command starts it, without JetStream. It passes messages on and
// stores none; there is no auth.
package main

import (
	"log"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"chatter/bench/servers/measured"
)

const startTimeout = 10 * time.Second

func main() {
	nats, err := server.NewServer(&server.Options{
		Host:   "127.0.0.1",
		Port:   server.RANDOM_PORT,
		NoSigs: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	nats.Start()
	if !nats.ReadyForConnections(startTimeout) {
		log.Fatal("nats-server does not start")
	}
	measured.Run(nats.Addr())
}
