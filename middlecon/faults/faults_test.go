package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fault is something that goes wrong around one broker, and the tests of what must hold
// then: of this package, or of another one (middlecon/room.TestSimulation).
type fault struct {
	number int
	what   string
	tests  []string
}

// faults are those that are known. The numbers are given once and never again; those that
// are left out are about links between brokers, certificates, configuration, or k2i.
func faults() []fault {
	const room, broker = "middlecon/room.", "middlecon/broker."
	return []fault{
		{1, "a member is killed, before it reads or after any step", []string{"TestKilledMember", room + "TestSimulation"}},
		{2, "members are stopped", []string{"TestStoppedMembers"}},
		{3, "members get little of a CPU", []string{"TestStarvedMembers"}},
		{4, "the broker is killed, or told to end, within calls", []string{"TestBrokerKilled", "TestBrokerKilledAtEachStep", "TestBrokerInterrupted", "TestOneOfTwoBrokersKilled", "TestDrainOfMany"}},
		{5, "the broker is stopped and goes on", []string{"TestStoppedBroker"}},
		{6, "a caller is killed", []string{"TestCallerKilled", room + "TestSimulation"}},
		{7, "a host is gone without a word", []string{"TestHalfOpen", broker + "TestHalfOpen"}},
		{8, "one direction is lost", []string{"TestRepliesLost"}},
		{10, "packets are lost", []string{"TestPacketLoss"}},
		{11, "a cable is thin", []string{"TestThinCable"}},
		{12, "frames come late, twice, in another order or spoiled", []string{"TestSpoiledFrames"}},
		{13, "a connection ends within a frame", []string{"TestResetInMidFrame", "TestNotSentToTheByte"}},
		{14, "a member reads slowly, or never", []string{"TestSlowReaders"}},
		{15, "replies come late, twice, or to no call", []string{"TestRepliesThatMustNotCount", room + "TestSimulation"}},
		{16, "members come and go in a storm", []string{"TestJoinLeaveStorm", room + "TestSimulation"}},
		{17, "a room has nobody, one, or very many", []string{"TestRoomSizes", room + "TestSimulation"}},
		{18, "very many reconnect at once", []string{"TestBrokerKilled"}},
		{19, "the file table is full", []string{"TestFileTableFull", "TestFewFiles", broker + "TestFullFileTable"}},
		{20, "there is little memory", []string{"TestMemory", "TestMemoryFlood", broker + "TestShortOfMemory"}},
		{22, "a clock is moved", []string{"TestClock", "TestWallClockLeaps", room + "TestNoClock", broker + "TestNoWallClock"}},
		{30, "the collector never rests, and there is one CPU", []string{"TestSmallMachine"}},
		{31, "a defect of the broker is met", []string{"TestBrokerPanics"}},
		{32, "numbers wrap", []string{room + "TestNumbersWrap"}},
		{33, "what is over leaves something behind", []string{"TestNothingIsLeft", broker + "TestQuiescence"}},
		{34, "everything at random", []string{"TestMixed", room + "TestSimulation"}},
	}
}

// Every fault has a test that there is.
func TestFaultsHaveTests(t *testing.T) {
	for _, one := range faults() {
		if len(one.tests) == 0 {
			t.Errorf("fault %d, %s, has no test", one.number, one.what)
		}
		for _, test := range one.tests {
			dir, name := ".", test
			if pkg, rest, ok := strings.Cut(test, "."); ok {
				dir, name = filepath.Join("../..", pkg), rest
			}
			files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				found += strings.Count(string(text), fmt.Sprintf("\nfunc %s(", name))
			}
			if found != 1 {
				t.Errorf("fault %d, %s: %s is declared %d times", one.number, one.what, test, found)
			}
		}
	}
}
