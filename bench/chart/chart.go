// Package chart draws measurements as SVG.
package chart

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// ErrNothing: there is nothing to draw.
var ErrNothing = errors.New("nothing to draw")

const (
	width  = 18 * vg.Centimeter
	height = 10 * vg.Centimeter
)

// Chart is what stands around what is drawn.
type Chart struct {
	Title, X, Y string
	Percentiles bool // X is percent, with more room the nearer it comes to 100
	Log         bool // Y is logarithmic: all of it has to be over 0
}

// Line is one of them; X and Y are equally long.
type Line struct {
	Name string // also chooses the colour
	X, Y []float64
}

// Bar is one of them.
type Bar struct {
	Name  string
	Value float64
}

// Lines draws lines with a legend, as SVG.
func Lines(w io.Writer, c Chart, lines []Line) error {
	if len(lines) == 0 {
		return ErrNothing
	}
	p := c.empty()
	for i, l := range lines {
		if len(l.X) != len(l.Y) || len(l.X) == 0 {
			return fmt.Errorf("%w: %s has %d and %d values", ErrNothing, l.Name, len(l.X), len(l.Y))
		}
		points := make(plotter.XYs, len(l.X))
		for j := range l.X {
			points[j] = plotter.XY{X: c.place(l.X[j]), Y: l.Y[j]}
			switch {
			case c.Log && l.Y[j] <= 0:
				return fmt.Errorf("%w: %s is %v, which has no logarithm", ErrNothing, l.Name, l.Y[j])
			case c.Percentiles && (l.X[j] < 0 || l.X[j] >= 100):
				return fmt.Errorf("%w: %s has a value at %v percent", ErrNothing, l.Name, l.X[j])
			}
		}
		drawn, err := plotter.NewLine(points)
		if err != nil {
			return err
		}
		drawn.LineStyle = style(l.Name, i)
		p.Add(drawn)
		p.Legend.Add(l.Name, drawn)
	}
	p.Y.Max *= 1.02
	if c.Percentiles {
		p.X.Scale, p.X.Tick.Marker, p.X.Min = plot.LogScale{}, percentiles(p.X.Max), 1
	}
	return c.write(w, p)
}

// Bars draws a bar for each, with its value above, as SVG.
func Bars(w io.Writer, c Chart, bars []Bar) error {
	if len(bars) == 0 {
		return ErrNothing
	}
	p := c.empty()
	var names []string
	labels := plotter.XYLabels{}
	for i, b := range bars {
		if b.Value <= 0 {
			return fmt.Errorf("%w: %s is %v", ErrNothing, b.Name, b.Value)
		}
		p.Add(column{float64(i), b.Value, style(b.Name, i).Color})
		names = append(names, b.Name)
		labels.XYs, labels.Labels = append(labels.XYs, plotter.XY{X: float64(i), Y: b.Value}), append(labels.Labels, short(b.Value))
	}
	above, err := plotter.NewLabels(labels)
	if err != nil {
		return err
	}
	for i := range above.TextStyle {
		above.TextStyle[i].XAlign, above.TextStyle[i].YAlign = draw.XCenter, draw.YBottom
		above.TextStyle[i].Font.Variant = "Sans"
	}
	above.Offset.Y = 1 * vg.Millimeter
	p.Add(above)
	p.NominalX(names...)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -0.7, float64(len(bars))-0.3, 0, p.Y.Max*1.12
	if c.Log {
		p.Y.Min, p.Y.Max = math.Pow(10, math.Floor(math.Log10(0.9*lowest(bars)))), p.Y.Max*1.6
	}
	return c.write(w, p)
}

func lowest(bars []Bar) float64 {
	least := bars[0].Value
	for _, b := range bars {
		least = min(least, b.Value)
	}
	return least
}

// column is a bar that stands on the axis, wherever that is: plotter's own stands on 0, which a
// logarithmic axis does not have.
type column struct {
	x, y float64
	fill color.Color
}

// columnWidth of the space between two.
const columnWidth = 0.55

func (b column) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	left, right, bottom, top := x(b.x-columnWidth/2), x(b.x+columnWidth/2), y(p.Y.Min), y(b.y)
	c.FillPolygon(b.fill, []vg.Point{{X: left, Y: bottom}, {X: left, Y: top}, {X: right, Y: top}, {X: right, Y: bottom}})
}

// DataRange is what the axes have to reach.
func (b column) DataRange() (xmin, xmax, ymin, ymax float64) {
	return b.x - columnWidth/2, b.x + columnWidth/2, b.y, b.y
}

// short is a value in so many digits as a bar has room for.
func short(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 1:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2g", v)
}

// empty is a chart before anything is drawn.
func (c Chart) empty() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.White
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, c.X, c.Y
	p.Title.Padding = 3 * vg.Millimeter
	p.Title.TextStyle.Font.Size = 13
	for _, s := range []*draw.TextStyle{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		s.Font.Variant = "Sans"
	}
	p.Legend.Top, p.Legend.Left = c.Percentiles, c.Percentiles // where latencies, or what grows, leave room
	p.Legend.Padding, p.Legend.XOffs = 0.5*vg.Millimeter, 3*vg.Millimeter
	if !c.Percentiles {
		p.Legend.XOffs, p.Legend.YOffs = -3*vg.Millimeter, 3*vg.Millimeter
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{Y: 215}, color.Gray{Y: 215}
	p.Add(grid)
	if c.Log {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
	}
	return p
}

func (c Chart) write(w io.Writer, p *plot.Plot) error {
	drawn, err := p.WriterTo(width, height, "svg")
	if err != nil {
		return err
	}
	_, err = drawn.WriteTo(w)
	return err
}
