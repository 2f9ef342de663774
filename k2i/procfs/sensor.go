package procfs

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/shirou/gopsutil/v4/common"
	"github.com/shirou/gopsutil/v4/sensors"

	"ddcos/k2i"
)

// Sensors reads what the host's thermometers say (hwmon, else thermal zones). One
// that gives no number at this moment, as those of a device that sleeps, is not
// listed. leftOut counts those beyond k2i.MaxListed.
func (m *Machine) Sensors() (list []k2i.Sensor, leftOut int, err error) {
	list = []k2i.Sensor{}
	ctx := context.WithValue(context.Background(), common.EnvKey, common.EnvMap{common.HostSysEnvKey: m.sys})
	all, err := guarded(func() ([]sensors.TemperatureStat, error) { return sensors.TemperaturesWithContext(ctx) })
	if silent := new(sensors.Warnings); err != nil && !errors.As(err, &silent) {
		return list, 0, fmt.Errorf("sensors: %w", err)
	}
	for _, s := range all {
		switch {
		case !isFinite(s.Temperature):
			continue
		case len(list) == k2i.MaxListed:
			leftOut++
			continue
		}
		list = append(list, k2i.Sensor{Name: s.SensorKey, Celsius: s.Temperature, HighCelsius: limit(s.High), CriticalCelsius: limit(s.Critical)})
	}
	return list, leftOut, nil
}

// isFinite tells whether JSON has a word for it.
func isFinite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func limit(celsius float64) float64 {
	if !isFinite(celsius) {
		return 0
	}
	return celsius
}
