package jsonata

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"heddle/jsonvalue"
)

func bigBase(f float64, radix int) string {
	i, _ := new(big.Float).SetFloat64(f).Int(nil)
	return i.Text(radix)
}

// decimalFormat is how numbers are written (XPath and XQuery Functions 3.1, section 4.7).
type decimalFormat struct {
	decimal, grouping, exponent, minus, infinity, nan, percent, perMille, zero, digit, separator string
	family                                                                                       [10]string
}

func newDecimalFormat(options *jsonvalue.Object) *decimalFormat {
	d := &decimalFormat{".", ",", "e", "-", "Infinity", "NaN", "%", "‰", "0", "#", ";", [10]string{}}
	if options != nil {
		for name, to := range map[string]*string{
			"decimal-separator": &d.decimal, "grouping-separator": &d.grouping, "exponent-separator": &d.exponent, "minus-sign": &d.minus,
			"infinity": &d.infinity, "NaN": &d.nan, "percent": &d.percent, "per-mille": &d.perMille, "zero-digit": &d.zero, "digit": &d.digit,
			"pattern-separator": &d.separator,
		} {
			if v, found := options.Get(name); found {
				if s, is := v.(string); is {
					*to = s
				}
			}
		}
	}
	zero, _ := utf8.DecodeRuneInString(d.zero)
	for i := range d.family {
		d.family[i] = string(zero + rune(i))
	}
	return d
}

func (d *decimalFormat) isDigit(c string) bool {
	for _, f := range d.family {
		if c == f {
			return true
		}
	}
	return false
}

// active tells of a character whether it stands for something other than itself.
func (d *decimalFormat) active(c string) bool {
	return c == d.decimal || c == d.grouping || c == d.exponent || c == d.digit || d.isDigit(c)
}

// subPicture is one of the pictures for numbers of 0 and more, and for negative ones.
type subPicture struct {
	prefix, suffix              string
	mantissa, exponent          string
	hasExponent                 bool
	whole, fraction             string
	wholeGroups, fractionGroups []int
	regular                     int
	wholeMin, scaling           int
	fractionMin, fractionMax    int
	exponentMin                 int
}

func splitChars(s string) []string {
	var out []string
	for s != "" {
		n := nextCharacter(s)
		out = append(out, s[:n])
		s = s[n:]
	}
	return out
}

func (d *decimalFormat) parse(picture string) (*subPicture, *Error) {
	p := &subPicture{}
	chars := splitChars(picture)
	first, last := -1, -1
	// The exponent separator is not looked for at the ends.
	for i, c := range chars {
		if d.active(c) && c != d.exponent {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		first, last = 0, len(chars)-1
	}
	join := func(c []string) string { return strings.Join(c, "") }
	p.prefix, p.suffix = join(chars[:first]), join(chars[last+1:])
	active := chars[first : last+1]
	// As jsonata-js counts it, from the picture's begin and not from that of this part.
	at := -1
	for i := first; i < len(chars); i++ {
		if chars[i] == d.exponent {
			at = i
			break
		}
	}
	if at < 0 || at > last+1 {
		p.mantissa = join(active)
	} else {
		p.mantissa, p.exponent, p.hasExponent = join(active[:min(at, len(active))]), join(active[min(at+1, len(active)):]), true
	}
	if i := strings.Index(p.mantissa, d.decimal); i < 0 {
		p.whole, p.fraction = p.mantissa, p.suffix
	} else {
		p.whole, p.fraction = p.mantissa[:i], p.mantissa[i+len(d.decimal):]
	}
	return p, d.check(p, picture, active)
}

// check finds what is wrong with a picture; of several faults the last counts.
func (d *decimalFormat) check(p *subPicture, picture string, active []string) *Error {
	fault := ""
	when := func(wrong bool, code string) {
		if wrong {
			fault = code
		}
	}
	some := func(s string, which func(string) bool) bool { return d.count(s, which) > 0 }
	percents, mille := strings.Count(picture, d.percent), strings.Count(picture, d.perMille)
	when(strings.Count(picture, d.decimal) > 1, "D3081")
	when(percents > 1, "D3082")
	when(mille > 1, "D3083")
	when(percents > 0 && mille > 0, "D3084")
	when(!some(p.mantissa, func(c string) bool { return c == d.digit || d.isDigit(c) }), "D3085")
	for _, c := range active {
		when(!d.active(c), "D3086")
	}
	if i := strings.Index(picture, d.decimal); i >= 0 {
		when(strings.HasSuffix(picture[:i], d.grouping) || strings.HasPrefix(picture[i+len(d.decimal):], d.grouping), "D3087")
	} else {
		when(strings.HasSuffix(p.whole, d.grouping), "D3088")
	}
	when(strings.Contains(picture, d.grouping+d.grouping), "D3089")
	if i := strings.Index(p.whole, d.digit); i >= 0 {
		when(some(p.whole[:i], d.isDigit), "D3090")
	}
	if i := strings.LastIndex(p.fraction, d.digit); i >= 0 {
		when(some(p.fraction[i:], d.isDigit), "D3091")
	}
	when(p.exponent != "" && percents+mille > 0, "D3092")
	when(p.hasExponent && (p.exponent == "" || some(p.exponent, func(c string) bool { return !d.isDigit(c) })), "D3093")
	if fault == "" {
		return nil
	}
	return fail(fault)
}

func (d *decimalFormat) count(s string, which func(string) bool) int {
	n := 0
	for _, c := range splitChars(s) {
		if which(c) {
			n++
		}
	}
	return n
}

// groups tells before how many digits, from the decimal point, separators stand.
func (d *decimalFormat) groups(s string, fromRight bool) []int {
	var out []int
	digits := func(c string) bool { return c == d.digit || d.isDigit(c) }
	for i := strings.Index(s, d.grouping); i >= 0 && d.grouping != ""; {
		if fromRight {
			out = append(out, d.count(s[i:], digits))
		} else {
			out = append(out, d.count(s[:i], digits))
		}
		next := strings.Index(s[i+len(d.grouping):], d.grouping)
		if next < 0 {
			break
		}
		i += len(d.grouping) + next
	}
	return out
}

func (d *decimalFormat) analyse(p *subPicture) {
	p.wholeGroups = d.groups(p.whole, true)
	p.fractionGroups = d.groups(p.fraction, false)
	p.regular = regularGroup(p.wholeGroups)
	p.wholeMin = d.count(p.whole, d.isDigit)
	p.scaling = p.wholeMin
	p.fractionMin = d.count(p.fraction, d.isDigit)
	p.fractionMax = d.count(p.fraction, func(c string) bool { return c == d.digit || d.isDigit(c) })
	if p.wholeMin == 0 && p.fractionMax == 0 {
		if p.hasExponent {
			p.fractionMin, p.fractionMax = 1, 1
		} else {
			p.wholeMin = 1
		}
	}
	if p.hasExponent && p.wholeMin == 0 && strings.Contains(p.whole, d.digit) {
		p.wholeMin = 1
	}
	if p.wholeMin == 0 && p.fractionMin == 0 {
		p.fractionMin = 1
	}
	if p.hasExponent {
		p.exponentMin = d.count(p.exponent, d.isDigit)
	}
}

// regularGroup is the distance at which separators stand, if that is always the same.
func regularGroup(groups []int) int {
	if len(groups) == 0 {
		return 0
	}
	factor := 0
	for _, g := range groups {
		factor = gcd(factor, g)
	}
	if factor == 0 {
		return 0
	}
	for i := 1; i <= len(groups); i++ {
		found := false
		for _, g := range groups {
			found = found || g == i*factor
		}
		if !found {
			return 0
		}
	}
	return factor
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func formatNumber(e *evaluation, value float64, picture string, options *jsonvalue.Object) (string, error) {
	d := newDecimalFormat(options)
	if err := e.spend(len(picture)); err != nil {
		return "", err
	}
	pictures := strings.Split(picture, d.separator)
	if len(pictures) > 2 {
		return "", fail("D3080")
	}
	var parts []*subPicture
	for _, s := range pictures {
		p, err := d.parse(s)
		if err != nil {
			return "", err
		}
		d.analyse(p)
		parts = append(parts, p)
	}
	if len(parts) == 1 {
		negative := *parts[0]
		negative.prefix = d.minus + negative.prefix
		parts = append(parts, &negative)
		pictures = append(pictures, pictures[0])
	}
	p, used := parts[0], pictures[0]
	if value < 0 {
		p, used = parts[1], pictures[1]
	}
	switch {
	case strings.Contains(used, d.percent):
		value *= 100
	case strings.Contains(used, d.perMille):
		value *= 1000
	}
	mantissa, exponent := value, 0
	if p.hasExponent {
		// So many digits before the point as the picture has there.
		high, low := math.Pow(10, float64(p.scaling)), math.Pow(10, float64(p.scaling-1))
		for mantissa != 0 && math.Abs(mantissa) < low && exponent > -400 {
			mantissa *= 10
			exponent--
		}
		for math.Abs(mantissa) > high && exponent < 400 {
			mantissa /= 10
			exponent++
		}
	}
	if math.IsInf(value, 0) {
		return p.prefix + d.infinity + p.suffix, nil
	}
	text := d.digits(math.Abs(round(mantissa, float64(p.fractionMax))), p.fractionMax)
	whole, fraction, _ := strings.Cut(text, ".")
	whole = strings.TrimLeft(whole, "0")
	fraction = strings.TrimRight(fraction, "0")
	if n := p.wholeMin - len(whole); n > 0 {
		if err := e.charge(n); err != nil {
			return "", err
		}
		whole = strings.Repeat("0", n) + whole
	}
	if n := p.fractionMin - len(fraction); n > 0 {
		if err := e.charge(n); err != nil {
			return "", err
		}
		fraction += strings.Repeat("0", n)
	}
	var b strings.Builder
	b.WriteString(p.prefix)
	for i, c := range []byte(whole) {
		b.WriteString(d.family[c-'0'])
		left := len(whole) - 1 - i
		if left == 0 {
			break
		}
		separate := p.regular > 0 && left%p.regular == 0
		if p.regular == 0 {
			for _, g := range p.wholeGroups {
				separate = separate || g == left
			}
		}
		if separate {
			b.WriteString(d.grouping)
		}
	}
	if fraction != "" {
		b.WriteString(d.decimal)
		for i, c := range []byte(fraction) {
			for _, g := range p.fractionGroups {
				if g == i && i > 0 {
					b.WriteString(d.grouping)
				}
			}
			b.WriteString(d.family[c-'0'])
		}
	}
	if p.hasExponent {
		digits := strconv.Itoa(max(exponent, -exponent))
		if n := p.exponentMin - len(digits); n > 0 {
			digits = strings.Repeat("0", n) + digits
		}
		b.WriteString(d.exponent)
		if exponent < 0 {
			b.WriteString(d.minus)
		}
		for _, c := range []byte(digits) {
			b.WriteString(d.family[c-'0'])
		}
	}
	b.WriteString(p.suffix)
	return b.String(), nil
}

// digits writes a number that is not negative with so many digits after the point.
func (d *decimalFormat) digits(f float64, n int) string {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return "0"
	}
	return strconv.FormatFloat(f, 'f', min(n, 100), 64)
}
