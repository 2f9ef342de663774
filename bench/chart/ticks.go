package chart

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// place is where a percentile stands on an axis whose logarithm is drawn.
func (c Chart) place(x float64) float64 {
	if !c.Percentiles {
		return x
	}
	return 100 / (100 - x)
}

// percentiles are the ticks that people know, as far as the axis goes.
func percentiles(most float64) plot.ConstantTicks {
	ticks := plot.ConstantTicks{{Value: 1, Label: "0"}}
	for _, t := range []struct {
		at    float64
		label string
	}{{50, "50"}, {75, "75"}, {90, "90"}, {95, "95"}, {99, "99"}, {99.9, "99.9"}, {99.99, "99.99"}} {
		if at := 100 / (100 - t.at); at <= most*1.0001 {
			ticks = append(ticks, plot.Tick{Value: at, Label: t.label})
		}
	}
	return ticks
}

// logTicks are 1, 2 and 5 of every power of ten, or only 1 where there are many.
type logTicks struct{}

func (logTicks) Ticks(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	few := math.Log10(most/least) < 2.5
	for power := math.Floor(math.Log10(least)); power <= math.Log10(most); power++ {
		for digit := 1.0; digit < 10; digit++ {
			at := digit * math.Pow(10, power)
			if at < least || at > most {
				continue
			}
			tick := plot.Tick{Value: at}
			if digit == 1 || few && (digit == 2 || digit == 5) {
				tick.Label = strconv.FormatFloat(at, 'f', max(0, int(-power)), 64)
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}
