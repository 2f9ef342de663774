package protocol

import (
	"fmt"
	"strings"
)

// IdentityScheme begins every identity that a certificate may have.
const IdentityScheme = "spiffe://"

// OwnDomain is the trust domain of the authority that ddcos makes for itself. Its
// identities are spiffe://ddcos/ROLE/HOSTNAME.
const OwnDomain = "ddcos"

// maxIdentity bounds an identity, in bytes.
const maxIdentity = 253

// CheckIdentity refuses all but spiffe://TRUSTDOMAIN/PATH in its only form: a trust
// domain of a-z, 0-9, and . - _ within it, and segments of A-Z as well, none of them
// empty or of dots alone.
func CheckIdentity(uri string) error {
	domain, path, ok := strings.Cut(strings.TrimPrefix(uri, IdentityScheme), "/")
	if !ok || !strings.HasPrefix(uri, IdentityScheme) || len(uri) > maxIdentity {
		return fmt.Errorf("identity %.300q: want %sDOMAIN/PATH of at most %d bytes", uri, IdentityScheme, maxIdentity)
	}
	if !made(domain, "abcdefghijklmnopqrstuvwxyz0123456789.-_") || strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") {
		return fmt.Errorf("identity %q: the trust domain has to be of a-z, 0-9 and . - _ within it", uri)
	}
	for segment := range strings.SplitSeq(path, "/") {
		if !made(segment, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") || strings.Trim(segment, ".") == "" {
			return fmt.Errorf("identity %q: what stands between slashes has to be of letters, digits and . - _", uri)
		}
	}
	return nil
}

func made(s, of string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune(of, r) }) < 0
}

// The roles that our own authority writes into certificates. A policy's file may
// name others, and may give any but RoleBroker, which is a broker's certificate's alone.
const (
	RoleAgent  = "agent"
	RoleClient = "client"
	RoleBroker = "broker"
	RoleAdmin  = "admin"
)

// Roles are all that our own authority gives.
func Roles() []string { return []string{RoleAgent, RoleClient, RoleAdmin, RoleBroker} }

// OwnIdentity takes an identity of the own authority apart; ok is false for every other.
func OwnIdentity(uri string) (role, host string, ok bool) {
	path, ok := strings.CutPrefix(uri, IdentityScheme+OwnDomain+"/")
	if !ok {
		return "", "", false
	}
	role, host, ok = strings.Cut(path, "/")
	if !ok || host == "" || strings.Contains(host, "/") {
		return "", "", false
	}
	return role, host, true
}
