package chart

import (
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// style is the line of a name: the same in every chart, and told apart without colours, too.
func style(name string, place int) draw.LineStyle {
	known := map[string]draw.LineStyle{
		"middlecon":     {Color: color.RGBA{R: 0x0b, G: 0x5f, B: 0xc0, A: 255}, Width: 2.6},
		"middlecon-tcp": {Color: color.RGBA{R: 0x6f, G: 0xb1, B: 0xf0, A: 255}, Width: 2},
		"c":             {Color: color.RGBA{R: 0x30, G: 0x30, B: 0x30, A: 255}, Width: 1.4, Dashes: []vg.Length{4, 3}},
		"nats":          {Color: color.RGBA{R: 0x1a, G: 0x9a, B: 0x50, A: 255}, Width: 1.4},
		"nats-unknown":  {Color: color.RGBA{R: 0x1a, G: 0x9a, B: 0x50, A: 255}, Width: 1.4, Dashes: []vg.Length{2, 2}},
		"grpc":          {Color: color.RGBA{R: 0xe0, G: 0x7b, B: 0x10, A: 255}, Width: 1.4},
		"mochi":         {Color: color.RGBA{R: 0x8e, G: 0x44, B: 0xad, A: 255}, Width: 1.4, Dashes: []vg.Length{7, 2}},
		"mosquitto":     {Color: color.RGBA{R: 0x8a, G: 0x6d, B: 0x3b, A: 255}, Width: 1.4, Dashes: []vg.Length{7, 2, 2, 2}}, //nolint:misspell // the product's name
		"redis":         {Color: color.RGBA{R: 0xc0, G: 0x30, B: 0x30, A: 255}, Width: 1.4, Dashes: []vg.Length{1, 2}},
	}
	if s, ok := known[name]; ok {
		return s
	}
	others := []color.Color{color.RGBA{R: 0x0b, G: 0x5f, B: 0xc0, A: 255}, color.RGBA{R: 0xc0, G: 0x30, B: 0x30, A: 255}, color.RGBA{R: 0x8a, G: 0x6d, B: 0x3b, A: 255}}
	return draw.LineStyle{Color: others[place%len(others)], Width: 1.6}
}
