// Package measured lets the bench measure a server, as servers/usage.ts does for those in Node.
package measured

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"syscall"
)

// usage is what the process has used so far.
type usage struct {
	// CPU time of all its threads, user and system, in microseconds.
	CPUMicros int64 `json:"cpuMicros"`
	// Resident memory in bytes.
	RSS int64 `json:"rss"`
}

// Listen opens a free port of this machine.
func Listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

// Run tells the bench where the server listens, and then what the process has used whenever it
// asks. It ends the process when the bench says so or is gone.
func Run(address net.Addr) {
	descriptor, err := strconv.Atoi(os.Getenv("NODE_CHANNEL_FD"))
	if err != nil {
		log.Fatal("only the bench can run this: npm run bench -- --peers go")
	}
	channel := os.NewFile(uintptr(descriptor), "channel")
	fmt.Printf("listening on http://%v\n", address)

	// Messages of Node's channel are JSON, one a line.
	answers := json.NewEncoder(channel)
	messages := bufio.NewScanner(channel)
	for messages.Scan() {
		switch string(bytes.TrimSpace(messages.Bytes())) {
		case `"usage"`:
			if err := answers.Encode(used()); err != nil {
				log.Fatal(err)
			}
		case `"stop"`:
			os.Exit(0)
		}
	}
	os.Exit(1)
}

func used() usage {
	var cpu syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &cpu); err != nil {
		log.Fatal(err)
	}
	memory, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		log.Fatal(err)
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(memory), &size, &resident); err != nil {
		log.Fatal(err)
	}
	return usage{
		CPUMicros: (cpu.Utime.Nano() + cpu.Stime.Nano()) / 1000,
		RSS:       resident * int64(os.Getpagesize()),
	}
}
