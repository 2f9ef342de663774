package procfs

import (
	"fmt"
	"slices"
	"testing"

	"ddcos/k2i"
)

// What thermometers say is told with its limits; one that says nothing, or nonsense,
// hides no other.
func TestSensors(t *testing.T) {
	tr, m := machineTree(t)
	if list, leftOut, err := m.Sensors(); err != nil || list == nil || len(list)+leftOut != 0 {
		t.Errorf("of none: %v, %d, %v", list, leftOut, err)
	}
	tr.write("sys/class/hwmon/hwmon0/name", "coretemp\n")
	tr.write("sys/class/hwmon/hwmon0/temp2_label", "Core 0\n")
	tr.write("sys/class/hwmon/hwmon0/temp2_input", "41000\n")
	tr.write("sys/class/hwmon/hwmon0/temp2_max", "80000\n")
	tr.write("sys/class/hwmon/hwmon0/temp2_crit", "100000\n")
	tr.write("sys/class/hwmon/hwmon1/name", "nvme\n")
	tr.write("sys/class/hwmon/hwmon1/temp1_input", "-5500\n")
	tr.write("sys/class/hwmon/hwmon1/temp1_max", "Inf\n")
	tr.write("sys/class/hwmon/hwmon2/temp1_input", "1000\n") // has no name
	for i, nonsense := range []string{"", "N/A\n", "NaN\n", "-Inf\n", "41000 C\n"} {
		tr.write(fmt.Sprintf("sys/class/hwmon/hwmon%d/name", 3+i), "broken\n")
		tr.write(fmt.Sprintf("sys/class/hwmon/hwmon%d/temp1_input", 3+i), nonsense)
	}
	want := []k2i.Sensor{{Name: "coretemp_core_0", Celsius: 41, HighCelsius: 80, CriticalCelsius: 100}, {Name: "nvme", Celsius: -5.5}}
	if list, leftOut, err := m.Sensors(); err != nil || leftOut != 0 || !slices.Equal(list, want) {
		t.Errorf("%+v, %d, %v", list, leftOut, err)
	}
}

func TestSensorsAreSoMany(t *testing.T) {
	tr, m := machineTree(t)
	tr.write("sys/class/hwmon/hwmon0/name", "many\n")
	for i := range k2i.MaxListed + 3 {
		tr.write(fmt.Sprintf("sys/class/hwmon/hwmon0/temp%d_input", i), "1000\n")
	}
	if list, leftOut, err := m.Sensors(); err != nil || len(list) != k2i.MaxListed || leftOut != 3 {
		t.Errorf("%d, %d left out, %v", len(list), leftOut, err)
	}
}

// A small board has no hwmon, but zones.
func TestSensorsOfZones(t *testing.T) {
	tr, m := machineTree(t)
	tr.write("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
	tr.write("sys/class/thermal/thermal_zone0/temp", "48312\n")
	tr.write("sys/class/thermal/thermal_zone1/type", "broken\n")
	list, _, err := m.Sensors()
	if want := []k2i.Sensor{{Name: "cpu-thermal", Celsius: 48.312}}; err != nil || !slices.Equal(list, want) {
		t.Errorf("%+v, %v", list, err)
	}
}
