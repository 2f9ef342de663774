package broker

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"ddcos/middlecon/creds/forge"
	"ddcos/protocol"
)

// TestNoHandshake (W7): connections that say nothing, or no ClientHello, or begin one
// and stop, are closed at the deadline and leave nothing behind.
func TestNoHandshake(t *testing.T) {
	log := &loud{}
	a := forge.New(t, "authority")
	b := mutual(t, a, func(o *Options) {
		o.HelloTimeout = 3 * time.Second
		log.to(o)
	})
	b.refusals.tellAll()
	first := shows(t, b, a.Issue(nil, "spiffe://ddcos/agent/x")).admitted()
	_ = first.c.Close()
	until(t, "the broker is at rest", func() bool { return b.sessions.Load() == 0 })
	before := runtime.NumGoroutine()
	var all []net.Conn
	for i := range 60 {
		c := connect(t, b, "tls").c.(*tls.Conn).NetConn()
		if i%3 == 1 {
			_, _ = c.Write([]byte{22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3})
		}
		if i%3 == 2 {
			_, _ = c.Write(helloFrame()[:5])
		}
		all = append(all, c)
	}
	for _, c := range all {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
			t.Errorf("not closed: %v", err)
		}
		_ = c.Close()
	}
	until(t, "nothing is left", func() bool {
		return b.sessions.Load() == 0 && len(b.handshakes) == 0 && runtime.NumGoroutine() <= before
	})
	if !log.says("no handshake") {
		t.Error("the log does not say so")
	}
	shows(t, b, forge.New(t, "another").Issue(nil, "spiffe://ddcos/agent/x")).refusedWith(log, "issued by")
}

// After its handshake a session owes a Hello as any other.
func TestHandshakeAndNoHello(t *testing.T) {
	a := forge.New(t, "authority")
	b := mutual(t, a, func(o *Options) { o.HelloTimeout = 3 * time.Second })
	r := shows(t, b, a.Issue(nil, "spiffe://ddcos/agent/x"))
	if err := r.c.(*tls.Conn).HandshakeContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code := r.ended(); code != protocol.CodeHelloTimeout {
		t.Errorf("ended with %v", code)
	}
	until(t, "nothing is left", func() bool { return b.sessions.Load() == 0 })
}

// A handshake that is longer than any needs to be is ended while it comes.
func TestLongHandshake(t *testing.T) {
	log := &loud{}
	b := mutual(t, forge.New(t, "authority"), log.to)
	c := connect(t, b, "tls").c.(*tls.Conn).NetConn()
	record := make([]byte, 5+1<<14) // of a ClientHello of 16 MiB
	copy(record, []byte{22, 3, 1, 1 << 6, 0, 1, 0, 255, 255})
	_ = c.SetDeadline(time.Now().Add(patience))
	sent := 0
	for sent < 1<<20 {
		n, err := c.Write(record)
		if sent += n; err != nil {
			break
		}
	}
	if _, err := io.Copy(io.Discard, c); err != nil && !isReset(err) {
		t.Errorf("not closed after %d bytes: %v", sent, err)
	}
	until(t, "the log tells", func() bool { return log.says("no handshake") })
}

// TestOldTLSAndNoALPN: TLS 1.2, and who agrees on no protocol, are not served.
func TestOldTLSAndNoALPN(t *testing.T) {
	log := &loud{}
	b := mutual(t, forge.New(t, "authority"), log.to)
	for reason, config := range map[string]*tls.Config{
		"unsupported versions":              {MaxVersion: tls.VersionTLS12, NextProtos: []string{protocol.ALPN}},
		"unsupported application protocols": {NextProtos: []string{"h2", "http/1.1"}},
		"no protocol by ALPN":               {},
	} {
		config.InsecureSkipVerify = true
		c := tls.Client(connect(t, b, "tls").c.(*tls.Conn).NetConn(), config)
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: served", reason)
		}
		until(t, "the log tells of "+reason, func() bool { return log.says(reason) })
	}
}

// TestKeyUpdates (W8): keys may be changed, but a flood of it ends the session, whether
// its answers are read or not, and also where something is said in between.
func TestKeyUpdates(t *testing.T) {
	b := start(t, func(o *Options) { overTLS(t, o) })
	for _, said := range []struct{ answersRead, between bool }{{true, false}, {false, false}, {true, true}} {
		reads := said.answersRead
		r := connect(t, b, "tls")
		var secrets strings.Builder
		bare := r.c.(*tls.Conn).NetConn()
		conn := tls.Client(bare, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol.ALPN}, KeyLogWriter: &secrets})
		if err := conn.HandshakeContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		k := newKeys(t, conn.ConnectionState().CipherSuite, secrets.String())
		r.c = bare
		r.write(append(k.seal(23, helloFrame()), k.update()...))
		r.write(k.seal(23, bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: 5}, nil, nil)))
		if reads {
			r.c = conn
			r.expect(protocol.KindWelcome, nil)
			r.expect(protocol.KindPong, nil) // under the keys that were asked for
			r.c = bare
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if reads {
				_, _ = io.Copy(io.Discard, bare)
			}
		}()
		sent := 0
		_ = bare.SetDeadline(time.Now().Add(patience))
		for over := false; !over && sent < 500_000; sent++ {
			record := k.update()
			if said.between && sent%10 == 0 {
				record = append(record, k.seal(23, bytesOf(protocol.Header{Kind: protocol.KindPong}, nil, nil))...)
			}
			_, err := bare.Write(record)
			if over = err != nil; reads && !over {
				select {
				case <-ended:
					over = true
				default:
				}
			}
		}
		<-ended
		if sent == 500_000 {
			t.Errorf("%d key updates were borne with: %+v", sent, said)
		}
		_ = bare.Close()
	}
	until(t, "nothing is left", func() bool { return b.sessions.Load() == 0 })
	welcome(t, b, "tls").lives()
}

// keys seal records as a TLS 1.3 client does (RFC 8446, 5.2 and 7.2).
type keys struct {
	t      *testing.T
	hash   func() hash.Hash
	size   int // of a key
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	next   uint64
}

func newKeys(t *testing.T, suite uint16, log string) *keys {
	t.Helper()
	k := &keys{t: t}
	switch suite {
	case tls.TLS_AES_128_GCM_SHA256:
		k.hash, k.size = sha256.New, 16
	case tls.TLS_AES_256_GCM_SHA384:
		k.hash, k.size = sha512.New384, 32
	default:
		t.Skipf("%s is spoken here, which this test cannot", tls.CipherSuiteName(suite))
	}
	for line := range strings.Lines(log) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				t.Fatal(err)
			}
			k.use(secret)
			return k
		}
	}
	t.Fatal("no secret was told")
	return nil
}

func (k *keys) expand(label string, size int) []byte {
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(info, byte(len("tls13 "+label)))
	info = append(append(info, "tls13 "+label...), 0)
	out, err := hkdf.Expand(k.hash, k.secret, string(info), size)
	if err != nil {
		k.t.Fatal(err)
	}
	return out
}

func (k *keys) use(secret []byte) {
	k.secret, k.next = secret, 0
	block, err := aes.NewCipher(k.expand("key", k.size))
	if err == nil {
		k.aead, err = cipher.NewGCM(block)
	}
	if err != nil {
		k.t.Fatal(err)
	}
	k.iv = k.expand("iv", 12)
}

// seal makes one record.
func (k *keys) seal(kind byte, content []byte) []byte {
	nonce := append([]byte{}, k.iv...)
	for i := range 8 {
		nonce[4+i] ^= byte(k.next >> (56 - 8*i))
	}
	k.next++
	header := []byte{23, 3, 3, 0, 0}
	binary.BigEndian.PutUint16(header[3:], uint16(len(content)+1+k.aead.Overhead()))
	return k.aead.Seal(header, nonce, append(append([]byte{}, content...), kind), header)
}

// update is a KeyUpdate that asks for another.
func (k *keys) update() []byte {
	record := k.seal(22, []byte{24, 0, 0, 1, 1})
	k.use(k.expand("traffic upd", k.hash().Size()))
	return record
}
