package broker

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// suite is those of this package's tests that are about sessions and take some over TCP.
var suite = strings.Join([]string{
	"TestRepliesOfAnAbsence", "TestAbsenceIsNoSilence", "TestFramesThatAreBegun", "TestFramesInPiecesAreNotHeld", "TestDrain", "TestGraceIsOver",
	"TestAccountsThatNobodyReads", "TestTheLastWordIsHeard", "TestMetricsAddUp", "TestStatus", "TestOfferOnTheWire", "TestBindGoesToTheNext",
	"TestPing", "TestSessionCap", "TestRefusedHearsWhy", "TestOutcomesOfOneCall", "TestNeverReadingMemberOverflows",
	"TestLargeAccount", "TestLargeView", "TestQueuesInAll", "TestTCPMembersAreKnownByAddress", "TestPanicIsContained", "TestShutdown",
	"TestQuiescence", "TestNobodyAnswersForAnother", "TestLateRepliesChangeNothing", "TestCapturedFramesAreNothingOnAnotherSession",
	"TestDeadlinesOutsideAreRefused", "TestEveryKindAsTheSpecificationHasIt", "TestAConversationCutAnywhere",
	"TestLongMessagesOverSockets", "TestMalformedFramesEndTheirOwnSession", "TestFramesInAnyPieces", "TestHelloInPieces", "TestNoHelloIsTold", "TestGoneBeforeHello",
}, "|")

// TestSessionsOverTLS runs tests of plain TCP sessions once more, over TLS.
func TestSessionsOverTLS(t *testing.T) {
	if over != "" {
		t.Skip("they are run over " + over)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^("+suite+")$", "-test.v")
	cmd.Env = append(os.Environ(), overVariable+"=tls")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
	for name := range strings.SplitSeq(suite, "|") {
		if !strings.Contains(string(out), "--- PASS: "+name+" ") {
			t.Errorf("%s did not pass", name)
		}
	}
}
