package jsonata

import (
	"math"
	"strconv"
	"strings"

	"heddle/jsonvalue"
)

// integerFormat is what a picture for whole numbers says (XPath and XQuery Functions 3.1,
// section 4.6).
type integerFormat struct {
	kind      byte // '1' digits, 'a' letters, 'i' Roman, 'w' words, '?' a sequence we do not know
	upper     bool
	title     bool
	ordinal   bool
	token     string
	zero      rune
	mandatory int
	optional  int
	regular   int
	groups    []separator // from the right
	width     int         // so many digits when parsing; 0 for any number
}

type separator struct {
	position int
	char     string
}

// zeros begin Unicode's groups of decimal digits in the Basic Multilingual Plane.
var zeros = []rune{
	0x30, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6, 0x0E50, 0x0ED0,
	0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900,
	0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
}

func parseIntegerPicture(picture string) (*integerFormat, error) {
	f := &integerFormat{kind: '1', zero: '0'}
	primary := picture
	if i := strings.LastIndexByte(picture, ';'); i >= 0 {
		primary = picture[:i]
		f.ordinal = strings.HasPrefix(picture[i+1:], "o")
	}
	switch primary {
	case "A", "a":
		f.kind, f.upper = 'a', primary == "A"
	case "I", "i":
		f.kind, f.upper = 'i', primary == "I"
	case "W", "w", "Ww":
		f.kind, f.upper, f.title = 'w', primary == "W", primary == "Ww"
	default:
		return f, f.digits(primary)
	}
	return f, nil
}

func (f *integerFormat) digits(pattern string) error {
	chars := []rune(pattern)
	zero := rune(0)
	position := 0
	for i := len(chars) - 1; i >= 0; i-- {
		c := chars[i]
		digit := false
		for _, z := range zeros {
			if c >= z && c <= z+9 {
				digit = true
				if zero != 0 && z != zero {
					return fail("D3131")
				}
				zero = z
				break
			}
		}
		switch {
		case digit:
			f.mandatory++
			position++
		case c == '#':
			f.optional++
			position++
		default:
			f.groups = append(f.groups, separator{position, string(c)})
		}
	}
	if f.mandatory == 0 {
		f.kind, f.token, f.groups, f.optional = '?', pattern, nil, 0
		return nil
	}
	f.zero = zero
	var positions []int
	for _, g := range f.groups {
		if g.char != f.groups[0].char {
			return nil
		}
		positions = append(positions, g.position)
	}
	f.regular = regularGroup(positions)
	return nil
}

func (f *integerFormat) unknown() error { return failValue("D3130", f.token) }

// write formats a whole number.
func (f *integerFormat) write(e *evaluation, value float64) (string, error) {
	negative := value < 0
	value = math.Abs(value)
	var s string
	switch f.kind {
	case 'a':
		s = letters(value, f.upper)
	case 'i':
		if err := e.charge(int(min(value/1000, math.MaxInt32)) + 16); err != nil {
			return "", err
		}
		s = roman(value)
		if f.upper {
			s = strings.ToUpper(s)
		}
	case 'w':
		s = words(value, f.ordinal)
		if f.upper {
			s = strings.ToUpper(s)
		} else if !f.title {
			s = strings.ToLower(s)
		}
	case '1':
		s = jsonvalue.FormatNumber(value)
		if n := f.mandatory - len(s); n > 0 {
			if err := e.charge(n); err != nil {
				return "", err
			}
			s = strings.Repeat("0", n) + s
		}
		s = f.separated(s)
	default:
		return "", f.unknown()
	}
	if negative {
		s = "-" + s
	}
	return s, nil
}

func (f *integerFormat) separated(s string) string {
	var b strings.Builder
	for i, c := range []byte(s) {
		left := len(s) - i // digits from here on
		if f.regular > 0 {
			if i > 0 && left%f.regular == 0 {
				b.WriteString(f.groups[0].char)
			}
		} else {
			for j := len(f.groups) - 1; j >= 0; j-- {
				if g := f.groups[j]; g.position == left || i == 0 && g.position > left {
					b.WriteString(g.char)
				}
			}
		}
		if f.zero != '0' && '0' <= c && c <= '9' {
			b.WriteRune(f.zero + rune(c-'0'))
		} else {
			b.WriteByte(c)
		}
	}
	if f.regular == 0 {
		for j := len(f.groups) - 1; j >= 0; j-- {
			if f.groups[j].position == 0 {
				b.WriteString(f.groups[j].char)
			}
		}
	}
	if f.ordinal {
		suffix := "th"
		last := s[len(s)-1]
		if last >= '1' && last <= '3' && f.zero == '0' && !(len(s) > 1 && s[len(s)-2] == '1') {
			suffix = []string{"st", "nd", "rd"}[last-'1']
		}
		b.WriteString(suffix)
	}
	return b.String()
}

// read parses what write writes; what it cannot read is NaN, as in JavaScript.
func (f *integerFormat) read(e *evaluation, s string) (any, error) {
	if err := e.spend(len(s) / 8); err != nil {
		return nil, err
	}
	switch f.kind {
	case 'a':
		base := 'a'
		if f.upper {
			base = 'A'
		}
		v := 0.0
		chars := []rune(s)
		for i := range chars {
			v += float64(chars[len(chars)-1-i]-base+1) * math.Pow(26, float64(i))
		}
		return box(v), nil
	case 'i':
		v, most := 0.0, 1.0
		for i := len(s) - 1; i >= 0; i-- {
			d, known := romanValues[s[i]|0x20]
			if !known || f.upper && s[i] >= 'a' {
				return math.NaN(), nil
			}
			if d < most {
				v -= d
			} else {
				most = d
				v += d
			}
		}
		return box(v), nil
	case 'w':
		return box(fromWords(strings.ToLower(s))), nil
	case '1':
		digits := s
		if f.ordinal {
			digits = digits[:max(len(digits)-2, 0)]
		}
		if f.regular > 0 {
			digits = strings.ReplaceAll(digits, ",", "")
		} else {
			for _, g := range f.groups {
				digits = strings.ReplaceAll(digits, g.char, "")
			}
		}
		if f.zero != '0' {
			digits = strings.Map(func(r rune) rune { return r - f.zero + '0' }, digits)
		}
		return box(parseInt(digits)), nil
	}
	return nil, f.unknown()
}

// parseInt is JavaScript's: the whole number that s begins with, or NaN.
func parseInt(s string) float64 {
	s = strings.TrimLeft(s, " \t\n\r\v\f")
	i := 0
	if i < len(s) && (s[i] == '+' || s[i] == '-') {
		i++
	}
	digits, exponent := "0123456789", ""
	if len(s) > i+1 && s[i] == '0' && s[i+1]|0x20 == 'x' {
		digits, exponent = "0123456789abcdefABCDEF", "p0"
		i += 2
	}
	from := i
	for i < len(s) && strings.IndexByte(digits, s[i]) >= 0 {
		i++
	}
	if i == from {
		return math.NaN()
	}
	f, _ := strconv.ParseFloat(s[:i]+exponent, 64)
	return f
}

func letters(value float64, upper bool) string {
	a := byte('a')
	if upper {
		a = 'A'
	}
	var out []byte
	for value > 0 && !math.IsInf(value, 0) {
		out = append(out, a+byte(math.Mod(value-1, 26)))
		value = math.Floor((value - 1) / 26)
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

var romanNumerals = []struct {
	value float64
	text  string
}{
	{1000, "m"}, {900, "cm"}, {500, "d"}, {400, "cd"}, {100, "c"}, {90, "xc"}, {50, "l"}, {40, "xl"}, {10, "x"}, {9, "ix"}, {5, "v"}, {4, "iv"}, {1, "i"},
}

var romanValues = map[byte]float64{'m': 1000, 'd': 500, 'c': 100, 'l': 50, 'x': 10, 'v': 5, 'i': 1}

func roman(value float64) string {
	var b strings.Builder
	for _, n := range romanNumerals {
		for value >= n.value && !math.IsInf(value, 0) {
			b.WriteString(n.text)
			value -= n.value
		}
	}
	return b.String()
}

var (
	few = []string{
		"Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve", "Thirteen",
		"Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen",
	}
	ordinals = []string{
		"Zeroth", "First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth", "Tenth", "Eleventh", "Twelfth",
		"Thirteenth", "Fourteenth", "Fifteenth", "Sixteenth", "Seventeenth", "Eighteenth", "Nineteenth",
	}
	decades    = []string{"Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety", "Hundred"}
	magnitudes = []string{"Thousand", "Million", "Billion", "Trillion"}
)

// words writes a number out in English.
func words(value float64, ordinal bool) string {
	if math.IsInf(value, 0) || math.IsNaN(value) {
		return ""
	}
	var b strings.Builder
	write(&b, value, false, ordinal)
	return b.String()
}

func write(b *strings.Builder, n float64, after, ordinal bool) {
	join := func(text string) {
		if after {
			b.WriteString(text)
		}
	}
	switch {
	case n <= 19:
		join(" and ")
		if ordinal {
			b.WriteString(ordinals[int(n)])
		} else {
			b.WriteString(few[int(n)])
		}
	case n < 100:
		join(" and ")
		tens, rest := decades[int(n)/10-2], int(n)%10
		switch {
		case rest > 0:
			b.WriteString(tens)
			b.WriteByte('-')
			write(b, float64(rest), false, ordinal)
		case ordinal:
			b.WriteString(tens[:len(tens)-1] + "ieth")
		default:
			b.WriteString(tens)
		}
	case n < 1000:
		join(", ")
		b.WriteString(few[int(n)/100] + " Hundred")
		tail(b, float64(int(n)%100), ordinal)
	default:
		join(", ")
		magnitude := min(int(math.Floor(math.Log10(n)/3)), len(magnitudes))
		factor := math.Pow(10, float64(magnitude*3))
		mantissa := math.Floor(n / factor)
		write(b, mantissa, false, false)
		b.WriteString(" " + magnitudes[magnitude-1])
		tail(b, n-mantissa*factor, ordinal)
	}
}

func tail(b *strings.Builder, rest float64, ordinal bool) {
	if rest > 0 {
		write(b, rest, true, ordinal)
	} else if ordinal {
		b.WriteString("th")
	}
}

var wordValues = func() map[string]float64 {
	m := map[string]float64{"hundredth": 100}
	for i := range few {
		m[strings.ToLower(few[i])] = float64(i)
		m[strings.ToLower(ordinals[i])] = float64(i)
	}
	for i, d := range decades {
		d = strings.ToLower(d)
		m[d] = float64(i+2) * 10
		m[d[:len(d)-1]+"ieth"] = m[d]
	}
	for i, g := range magnitudes {
		g = strings.ToLower(g)
		m[g] = math.Pow(10, float64(3*(i+1)))
		m[g+"th"] = m[g]
	}
	return m
}()

func fromWords(s string) float64 {
	s = strings.ReplaceAll(strings.ReplaceAll(s, ", ", " "), " and ", " ")
	segments := []float64{0}
	for _, word := range strings.Split(strings.NewReplacer("-", " ", "\t", " ", "\n", " ", "\r", " ", "\\", " ").Replace(s), " ") {
		v, known := wordValues[word]
		if !known {
			return math.NaN()
		}
		top := segments[len(segments)-1]
		switch {
		case v >= 100:
			segments[len(segments)-1] = top * v
		case top >= 1000:
			segments = append(segments, v)
		default:
			segments[len(segments)-1] = top + v
		}
	}
	total := 0.0
	for _, v := range segments {
		total += v
	}
	return total
}
