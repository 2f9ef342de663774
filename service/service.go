// Package service tells the supervisor of a program, systemd where there is one,
// how the program fares: that it serves, that it is alive, that it ends.
package service

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// look is how often a program is asked whether it serves yet.
const look = 5 * time.Millisecond

// Tell says that the program serves as soon as alive has no error, and from then
// on that it lives, as often as the supervisor's watchdog wants, each time that
// alive has none; when ctx ends it says that the program ends. So alive has to go
// by what does the work: it may wait for its turn there, until its ctx ends,
// which is before the watchdog would act. Without a supervisor it says nothing.
// Either way SIGHUP, by which files are read again, does not end the program
// until ctx ends, whoever listens to it.
func Tell(ctx context.Context, alive func(context.Context) error, log *slog.Logger) {
	hangUps := make(chan os.Signal, 1)
	signal.Notify(hangUps, syscall.SIGHUP)
	defer signal.Stop(hangUps)
	if supervised, err := daemon.SdNotify(false, "STATUS=starting"); !supervised {
		if err != nil {
			log.Warn("the supervisor cannot be told anything", "error", err)
		}
		<-ctx.Done()
		return
	}
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the supervisor's watchdog cannot be understood", "error", err)
	}
	if awaitServing(ctx, alive) {
		say(log, daemon.SdNotifyReady+"\nSTATUS=serving")
		if within > 0 {
			beat(ctx, within/3, alive, log)
		}
	}
	<-ctx.Done()
	say(log, daemon.SdNotifyStopping+"\nSTATUS=ending")
}

// awaitServing is whether the program served before ctx ended.
func awaitServing(ctx context.Context, alive func(context.Context) error) bool {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for alive(ctx) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

// beat tells the watchdog every so often that the program lives, if it does.
func beat(ctx context.Context, every time.Duration, alive func(context.Context) error, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		within, cancel := context.WithTimeout(ctx, every)
		err := alive(within)
		cancel()
		switch {
		case err == nil:
			say(log, daemon.SdNotifyWatchdog)
		case ctx.Err() == nil:
			log.Warn("the watchdog is not told that this program lives", "reason", err)
		}
	}
}

func say(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the supervisor cannot be told", "error", err)
	}
}
