package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"ddcos/bench/crowd"
)

// LocalOptions say what [Local] measures.
type LocalOptions struct {
	Setting
	Processes int // that are made for the second half; the first has what runs anyway
	Rounds    int // the commands take turns
}

// DefaultLocalOptions measures among five thousand processes.
func DefaultLocalOptions() LocalOptions {
	o := LocalOptions{Setting: DefaultSetting(), Processes: 5000, Rounds: 15}
	o.Peers = nil
	return o
}

// Local measures `dps -ef` of this host alone beside `ps -ef`, each as a whole command: among
// the processes that run anyway, and among very many more.
func Local(ctx context.Context, o LocalOptions) error {
	if o.Processes < 1 || o.Processes > crowd.MaxProcesses || o.Rounds < 1 || o.Rounds > maxCalls {
		return fmt.Errorf("%w: %d processes, %d rounds", ErrOptions, o.Processes, o.Rounds)
	}
	return o.publish(ctx, o.once)
}

func (o LocalOptions) once(ctx context.Context) (*result, error) {
	title := fmt.Sprintf("dps -ef beside ps -ef, as whole commands, %d times each in turn: the medians of the time until they had ended.", o.Rounds)
	few, err := o.turns(ctx, "few")
	if err != nil {
		return nil, err
	}
	all, err := crowd.Start(ctx, o.Processes, 1)
	if err != nil {
		return nil, err
	}
	many, err := o.turns(ctx, "many")
	return &result{title: title, figures: append(few, many...)}, errors.Join(err, all.Close())
}

// turns are the two commands' times and CPU times.
func (o LocalOptions) turns(ctx context.Context, name string) ([]Figure, error) {
	commands := [][]string{{filepath.Join(o.Bin, "dps"), "-ef"}, {"ps", "-ef"}}
	took, used := make([][]float64, len(commands)), make([][]float64, len(commands))
	for round := range o.Rounds + 1 {
		for i, argv := range commands {
			cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
			cmd.Env, cmd.Stdout = append(os.Environ(), "DDCOS_BROKER=", "DDCOS_AGENTS=", "DDCOS_CONFIG=/dev/null"), io.Discard
			began := time.Now()
			if err := cmd.Run(); err != nil {
				return nil, fmt.Errorf("%s: %w", argv[0], err)
			}
			if round > 0 { // the first one finds cold files
				took[i] = append(took[i], milliseconds(time.Since(began).Nanoseconds()))
				used[i] = append(used[i], milliseconds((cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Nanoseconds()))
			}
		}
	}
	there, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	note := name + ": " + strconv.Itoa(len(there)) + " processes"
	figure := func(what string, of [][]float64) Figure {
		ours, theirs := median(of[0]), median(of[1])
		return Figure{Name: "local-" + name + what, Unit: "ms", Value: ours, Peer: "ps", PeerValue: theirs, Ratio: ratio(ours, theirs), Note: note}
	}
	return []Figure{figure("", took), figure("-cpu", used)}, nil
}
