package enrol

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/netip"
	"time"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/tokens"
	"ddcos/protocol"
)

// Options of a handler.
type Options struct {
	Authority *authority.Authority
	Tokens    string // path of the file of tokens
	Log       *slog.Logger
}

// inFlight is how many questions are answered at once; the others are refused.
const inFlight = 64

type handler struct {
	Options
	rates  *rates
	places chan struct{}
}

// NewHandler answers both questions. It wants a server that asks for client
// certificates, and has limits of its own on headers and on time.
func NewHandler(options Options) http.Handler {
	h := &handler{Options: options, rates: newRates(), places: make(chan struct{}, inFlight)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+PathEnrol, h.enrol)
	mux.HandleFunc("POST "+PathRenew, h.renew)
	return h.guarded(mux)
}

// guarded lets through what is not too much.
func (h *handler) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if r.TLS == nil {
			h.refuse(w, r, http.StatusForbidden, BadRequest, errors.New("not over TLS"))
			return
		}
		if !h.rates.take(remote(r), time.Now()) {
			w.Header().Set("Retry-After", "1")
			h.refuse(w, r, http.StatusTooManyRequests, TooOften, errors.New("too many questions"))
			return
		}
		select {
		case h.places <- struct{}{}:
		default:
			w.Header().Set("Retry-After", "1")
			h.refuse(w, r, http.StatusServiceUnavailable, TooOften, errors.New("too many questions at once"))
			return
		}
		defer func() { <-h.places }()
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTime)) // a server without it has its own
		r.Body = http.MaxBytesReader(w, r.Body, MaxBody)
		next.ServeHTTP(w, r)
	})
}

// remote is where a question comes from; the invalid address where that is no IP.
func remote(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

func (h *handler) enrol(w http.ResponseWriter, r *http.Request) {
	asked, err := readAsk(r)
	if err != nil {
		h.refuse(w, r, http.StatusBadRequest, BadRequest, err)
		return
	}
	name := authority.Name{Role: asked.Role, Host: asked.Name}
	if err := name.Check(); err != nil {
		h.refuse(w, r, http.StatusBadRequest, NameInvalid, err)
		return
	}
	key, err := authority.ParseRequest([]byte(asked.CSR))
	if err != nil {
		h.refuse(w, r, http.StatusBadRequest, BadRequest, err)
		return
	}
	request := authority.Request{Name: name, Key: key}
	if name.Role == protocol.RoleBroker || name.Role == protocol.RoleAgent {
		// It serves, too: an agent its metrics. That it is no broker its role says.
		request.DNS = []string{name.Host}
		if at := remote(r); at.IsValid() {
			request.IPs = []netip.Addr{at}
		}
	}
	var issued *authority.Certificate
	err = tokens.Redeem(h.Tokens, asked.Token, asked.Role, time.Now(), func() (err error) {
		issued, err = h.Authority.Issue(request)
		return err
	})
	h.answer(w, r, issued, err)
}

// readAsk reads a body that is one object of the known fields and nothing else.
func readAsk(r *http.Request) (asked ask, err error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return ask{}, errors.New("want Content-Type: application/json")
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil {
		return ask{}, errors.New("the body is not the JSON object that is wanted, or too large")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return ask{}, errors.New("something follows the JSON object")
	}
	if asked.Token == "" || len(asked.Token) > protocol.MaxToken {
		return ask{}, errors.New("no token, or too long a one")
	}
	return asked, nil
}

// renew goes by nothing but the certificate of the session: the key stays, and
// so does all that it says.
func (h *handler) renew(w http.ResponseWriter, r *http.Request) {
	var shown *x509.Certificate
	if len(r.TLS.PeerCertificates) > 0 {
		shown = r.TLS.PeerCertificates[0]
	}
	if shown == nil {
		h.refuse(w, r, http.StatusUnauthorized, NoCertificate, errors.New("no certificate was shown"))
		return
	}
	name, key, err := h.Authority.Holder(shown)
	if err != nil {
		h.answer(w, r, nil, err)
		return
	}
	request := authority.Request{Name: name, Key: key, DNS: shown.DNSNames, Renew: true}
	for _, ip := range shown.IPAddresses {
		if at, ok := netip.AddrFromSlice(ip); ok {
			request.IPs = append(request.IPs, at.Unmap())
		}
	}
	issued, err := h.Authority.Issue(request)
	h.answer(w, r, issued, err)
}

// answer hands a certificate out, or says why not.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, issued *authority.Certificate, err error) {
	if err != nil {
		code, status := codeOf(err), http.StatusForbidden
		if code == Failed {
			status = http.StatusInternalServerError
		}
		h.refuse(w, r, status, code, err)
		return
	}
	h.Log.Info("issued a certificate", "name", issued.Name.String(), "until", issued.Leaf.NotAfter, "serial", issued.Leaf.SerialNumber.Text(16), "from", r.RemoteAddr, "path", r.URL.Path)
	reply(w, http.StatusOK, Answer{Name: issued.Name.URI().String(), Certificate: string(issued.Chain), Roots: string(issued.Roots), Time: time.Now().UTC()})
}

// refuse tells the peer a code, and the log all.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, status int, code Code, err error) {
	level := slog.LevelWarn
	if code == TooOften {
		level = slog.LevelDebug // nobody fills the log by asking
	}
	h.Log.Log(context.WithoutCancel(r.Context()), level, "refused a certificate", "code", string(code), "error", err, "from", r.RemoteAddr, "path", r.URL.Path)
	text := err.Error()
	if code == Failed {
		text = "" // what went wrong inside is for the log
	}
	reply(w, status, problem{code, text})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // an error is the peer's, who went away
}
