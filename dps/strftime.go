package dps

import (
	"strconv"
	"strings"
	"time"
)

// maxDate is how long a date by option -D may be; a longer one is not shown, as
// in ps.
const maxDate = 239

// strftime writes a time as C's function of that name does in the locale C, with
// its flags (_ - 0 ^ #) and widths; what is no conversion stands as it is.
func strftime(format string, t time.Time) string {
	var b strings.Builder
	for format != "" && b.Len() <= maxDate {
		plain, spec, found := strings.Cut(format, "%")
		b.WriteString(plain)
		if !found {
			break
		}
		text, length := conversion(spec, t)
		if length == 0 {
			text = "%"
		}
		b.WriteString(text)
		format = spec[length:]
	}
	if b.Len() > maxDate {
		return ""
	}
	return b.String()
}

// conversion is what one conversion stands for, and how many bytes it takes behind
// the percent sign; 0 for what is none.
func conversion(spec string, t time.Time) (text string, length int) {
	flags := spec[:len(spec)-len(strings.TrimLeft(spec, "_-0^#"))]
	digits := spec[len(flags):]
	digits = digits[:len(digits)-len(strings.TrimLeft(digits, "0123456789"))]
	width, err := strconv.Atoi(digits)
	if err != nil && digits != "" {
		return "", 0
	}
	at := len(flags) + len(digits)
	if at < len(spec) && (spec[at] == 'E' || spec[at] == 'O') {
		at++ // other digits and other years, which this locale has not
	}
	if at == len(spec) {
		return "", 0
	}
	letter, pad := spec[at], byte(' ')
	if n, numeric := dateNumber(letter, t); numeric {
		text, pad = strconv.Itoa(n.value), n.pad
		if digits == "" {
			width = n.width
		}
	} else if text, numeric = dateWord(letter, t); !numeric {
		return "", 0
	}
	for _, flag := range []byte(flags) {
		switch flag {
		case '_':
			pad = ' '
		case '0':
			pad = '0'
		case '-':
			pad = ' '
			if digits == "" {
				width = 0
			}
		case '^':
			if letter != 'P' { // which stays small
				text = strings.ToUpper(text)
			}
		case '#':
			text = otherCase(letter, text)
		}
	}
	return strings.Repeat(string(pad), max(min(width, maxDate+1)-len(text), 0)) + text, at + 1
}

// otherCase is what # does to a text: names in capitals, what is written in
// capitals without.
func otherCase(letter byte, text string) string {
	switch letter {
	case 'p', 'Z':
		return strings.ToLower(text)
	case 'a', 'A', 'b', 'B', 'h':
		return strings.ToUpper(text)
	}
	return text
}

// numberOfDate is a number in a date, with what fills it up to its width.
type numberOfDate struct {
	value, width int
	pad          byte
}

// dateNumber is the number that a letter stands for; false for other letters.
func dateNumber(letter byte, t time.Time) (numberOfDate, bool) {
	year, week := t.ISOWeek()
	hour12 := (t.Hour()+11)%12 + 1
	zeroed := func(value, width int) (numberOfDate, bool) { return numberOfDate{value, width, '0'}, true }
	blank := func(value int) (numberOfDate, bool) { return numberOfDate{value, 2, ' '}, true }
	switch letter {
	case 'C':
		return zeroed(t.Year()/100, 2)
	case 'd':
		return zeroed(t.Day(), 2)
	case 'e':
		return blank(t.Day())
	case 'g':
		return zeroed(year%100, 2)
	case 'G':
		return zeroed(year, 4)
	case 'H':
		return zeroed(t.Hour(), 2)
	case 'I':
		return zeroed(hour12, 2)
	case 'j':
		return zeroed(t.YearDay(), 3)
	case 'k':
		return blank(t.Hour())
	case 'l':
		return blank(hour12)
	case 'm':
		return zeroed(int(t.Month()), 2)
	case 'M':
		return zeroed(t.Minute(), 2)
	case 's':
		return numberOfDate{int(t.Unix()), 1, ' '}, true
	case 'S':
		return zeroed(t.Second(), 2)
	case 'u':
		return zeroed((int(t.Weekday())+6)%7+1, 1)
	case 'U':
		return zeroed((t.YearDay()-1+7-int(t.Weekday()))/7, 2)
	case 'V':
		return zeroed(week, 2)
	case 'w':
		return zeroed(int(t.Weekday()), 1)
	case 'W':
		return zeroed((t.YearDay()-1+7-(int(t.Weekday())+6)%7)/7, 2)
	case 'y':
		return zeroed(t.Year()%100, 2)
	case 'Y':
		return zeroed(t.Year(), 4)
	}
	return numberOfDate{}, false
}

// dateWord is the text that another letter stands for; false for what is none.
func dateWord(letter byte, t time.Time) (string, bool) {
	layouts := map[byte]string{
		'a': "Mon", 'A': "Monday", 'b': "Jan", 'h': "Jan", 'B': "January", 'p': "PM", 'P': "pm", 'Z': "MST", 'z': "-0700",
		'c': "Mon Jan _2 15:04:05 2006", 'D': "01/02/06", 'x': "01/02/06", 'F': "2006-01-02",
		'r': "03:04:05 PM", 'R': "15:04", 'T': "15:04:05", 'X': "15:04:05",
	}
	switch letter {
	case '%':
		return "%", true
	case 'n':
		return "\n", true
	case 't':
		return "\t", true
	}
	layout, known := layouts[letter]
	return t.Format(layout), known
}
