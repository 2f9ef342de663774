package broker

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// threat is a way to hurt a broker by its wire, and the tests that hold it to bear
// that: of this package, of another one (protocol.TestBombs), or an attack
// that TestAttacks lets loose.
type threat struct {
	number, what string
	tests        []string
}

// threats are those that are known. The numbers are given once and never again;
// that which is left out, W36, is about gossip between brokers, of which there is none.
func threats() []threat {
	return []threat{
		{"W1", "a length at a limit, or far beyond it", []string{"W1 lengths", "protocol.TestParseLengths"}},
		{"W2", "a few bytes that declare a great deal", []string{"W2-W4 bodies", "protocol.TestBombs", "protocol.TestAmplification"}},
		{"W3", "values within values", []string{"W2-W4 bodies", "protocol.TestNests"}},
		{"W4", "values that are cut short, reserved or unfit", []string{"W2-W4 bodies", "protocol.TestTypeBytes"}},
		{"W5", "frames cut anywhere, or a thousand in one piece", []string{"TestAConversationCutAnywhere", "TestFramesInAnyPieces", "protocol.TestParseEverySplit", "protocol.TestParseThousand"}},
		{"W6", "a hello that comes byte by byte", []string{"W6 slowloris", "TestHelloTimeout", "TestHelloInPieces"}},
		{"W7", "a connection that says nothing, or no ClientHello", []string{"TestNoHandshake", "TestHandshakeAndNoHello", "TestLongHandshake", "TestOldTLSAndNoALPN"}},
		{"W8", "keys that are changed again and again", []string{"TestKeyUpdates"}},
		{"W9", "a frame that is begun and held", []string{"W9 held hellos", "W9 held frames"}},
		{"W10", "a frame in the wrong state", []string{"TestEveryKindAsTheSpecificationHasIt"}},
		{"W11", "compressed bytes", []string{"TestNothingIsInflated"}},
		{"W12", "requests that are taken back at once", []string{"W12 rapid reset", "W12 rapid reset next door", "W12 pings", "TestRapidReset"}},
		{"W13", "an answer without an end", []string{"W13 endless reply", "W13 endless stray reply"}},
		{"W14", "a kind that there is not", []string{"TestEveryKindAsTheSpecificationHasIt", "protocol.TestParseEveryKindAndFlag"}},
		{"W15", "more connections than there are files", []string{"TestFullFileTable", "middlecon/faults.TestFileTableFull", "middlecon/faults.TestFewFiles"}},
		{"W16", "sessions that do not read", []string{"W16 never reading members", "W16 never reading watchers", "TestNeverReadingMemberOverflows", "TestAccountsThatNobodyReads"}},
		{"W17", "a flood of replies", []string{"W17 replies to one call", "W17 replies to any call"}},
		{"W18", "a reply for another member", []string{"TestNobodyAnswersForAnother"}},
		{"W19", "a reply after the end", []string{"TestLateRepliesChangeNothing"}},
		{"W20", "a frame of one session, sent again by another", []string{"TestCapturedFramesAreNothingOnAnotherSession"}},
		{"W21", "a room that is another's, by overlapping rules or a name that looks like it", []string{"middlecon/policy.TestW21DenyWins", "TestMatrix", "TestMatrixOverTLS", "TestK29NoKindWithoutAVerb"}},
		{"W22", "a session that another takes over", []string{"TestTakeover", "TestNameOfAPartedMember", "TestSecretsAreUsedOnceAndByTheirOwner"}},
		{"W23", "a name that is used again", []string{"TestW23NameReuse", "middlecon/tokens.TestW23NameReuse"}},
		{"W24", "patterns in names", []string{"middlecon/policy.TestW24NoMetacharacters"}},
		{"W25", "frames within what is forwarded", []string{"TestW25FramesInside"}},
		{"W26", "an answer that is sent where its sender may not publish", []string{"TestW26RepliesGoHome"}},
		{"W30", "limits that are negative or huge", []string{"k2i/rest.TestW30Limits"}},
		{"W31", "secrets in metrics and logs", []string{"TestW31NoTokenIsTold", "k2i/rest.TestK29Routes"}},
		{"W27", "a member's certificate where a broker's is wanted", []string{"middlecon/creds.TestMembersAreNoBrokers"}},
		{"W28", "a certificate that could be understood in two ways", []string{"TestNobodyButByOneURI", "TestURIsAsTheyAreWritten", "middlecon/creds.TestCheckIdentity"}},
		{"W29", "a certificate that does not hold, or not any more", []string{"TestCertificatesThatDoNotHold", "TestSessionEndsWithItsCertificate", "TestAuthoritiesChange", "TestNothingIsResumed", "TestTokensOverTLS"}},
		{"W32", "a deadline that is none", []string{"TestDeadlinesOutsideAreRefused"}},
		{"W33", "calls to all members, again and again", []string{"W33 amplification", "TestDeliveriesOfAPrincipal"}},
		{"W34", "very many that connect at once", []string{"W34 connect storm", "middlecon/faults.TestBrokerKilled"}},
		{"W35", "very many names", []string{"W35 rooms", "W35 members lost"}},
	}
}

// Every threat has a test of its own that there is, and every attack is in the list.
func TestThreatsHaveTests(t *testing.T) {
	listed := map[string]bool{}
	for _, one := range threats() {
		for _, test := range one.tests {
			if listed[test] = true; attacks()[test] != nil {
				if !slices.ContainsFunc(judgements(), func(v judgement) bool { return v.attack == test }) {
					t.Errorf("%s: nobody lets %q loose", one.number, test)
				}
				continue
			}
			if n := declared(t, test); n != 1 {
				t.Errorf("%s, %s: %s is declared %d times", one.number, one.what, test, n)
			}
		}
	}
	for name := range attacks() {
		if !listed[name] && name != noAttack && name != "W15 file table" { // of TestFullFileTable
			t.Errorf("%q is in no threat's list", name)
		}
	}
}

// declared counts the declarations of a test, of another package where its name says so.
func declared(t *testing.T, test string) (n int) {
	t.Helper()
	dir, name := ".", test
	if pkg, rest, ok := strings.Cut(test, "."); ok {
		dir, name = filepath.Join("../..", pkg), rest
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		n += strings.Count(string(text), fmt.Sprintf("\nfunc %s(", name))
	}
	return n
}
