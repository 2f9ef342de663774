// Command fakenats knows as much of a nats-server as bench asks of one.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"strconv"
	"strings"
	"sync"
)

type subscription struct {
	subject, id string
	to          *client
}

type client struct {
	mu sync.Mutex // guards writes
	net.Conn
}

type server struct {
	mu   sync.Mutex // guards subs
	subs []subscription
}

func main() {
	listen := flag.String("listen", "", "host:port")
	flag.Parse()
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	s := &server{}
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go s.serve(&client{Conn: c})
	}
}

func (c *client) say(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = fmt.Fprintf(c, format, args...)
}

func (s *server) serve(c *client) {
	c.say("INFO {\"server_id\":\"fake\"}\r\n")
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		switch words[0] {
		case "CONNECT":
		case "PING":
			c.say("PONG\r\nPING\r\n")
		case "PONG":
		case "SUB":
			s.mu.Lock()
			s.subs = append(s.subs, subscription{words[1], words[2], c})
			s.mu.Unlock()
		case "PUB":
			n, err := strconv.Atoi(words[len(words)-1])
			if err != nil {
				c.say("-ERR 'no length'\r\n")
				return
			}
			payload := make([]byte, n+2)
			if _, err := io.ReadFull(r, payload); err != nil {
				return
			}
			s.publish(words[1:len(words)-1], payload)
		default:
			c.say("-ERR 'Unknown Protocol Operation'\r\n")
			return
		}
	}
}

// publish takes the subject, and the reply subject if there is one.
func (s *server) publish(words []string, payload []byte) {
	s.mu.Lock()
	subs := s.subs
	s.mu.Unlock()
	reply := ""
	if len(words) > 1 {
		reply = " " + words[1]
	}
	for _, sub := range subs {
		prefix, wild := strings.CutSuffix(sub.subject, "*")
		if sub.subject == words[0] || wild && strings.HasPrefix(words[0], prefix) {
			sub.to.say("MSG %s %s%s %d\r\n%s", words[0], sub.id, reply, len(payload)-2, payload)
		}
	}
}
