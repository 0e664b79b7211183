package jsonata

import (
	"math"
	"strings"
)

func defineTimes() {
	define("now", "<s?s?:s>", 2, 2, func(e *evaluation, a []any) (any, error) {
		if e.now.IsZero() {
			return nil, fail("U1006")
		}
		return formatTime(e, float64(e.now.UnixMilli()), a[0], a[1])
	})
	define("millis", "<:n>", 0, 0, func(e *evaluation, a []any) (any, error) {
		if e.now.IsZero() {
			return nil, fail("U1006")
		}
		return float64(e.now.UnixMilli()), nil
	})
	define("fromMillis", "<n-s?s?:s>", 3, 3, func(e *evaluation, a []any) (any, error) {
		ms, is := number(a[0])
		if !is {
			return Undefined, nil
		}
		return formatTime(e, ms, a[1], a[2])
	})
	define("toMillis", "<s-s?:n>", 2, 2, func(e *evaluation, a []any) (any, error) {
		s, is := a[0].(string)
		if !is {
			return Undefined, nil
		}
		if err := e.spend(len(s)); err != nil {
			return nil, err
		}
		picture, is := a[1].(string)
		if !is {
			return parseISO(s)
		}
		return parseTime(e, s, picture)
	})
}

// timePart is a part of a date-time picture: text, or a component and how to write it
// (XPath and XQuery Functions 3.1, section 9.8).
type timePart struct {
	literal   string
	component byte // 0 for text
	names     byte // 'n' lower, 'N' upper, 't' title case; 0 for numbers
	modifier  byte // the second one
	min, max  int  // width; -1 if not said
	modulo    int  // digits of the year; -1 for all
	format    *integerFormat
}

var modifiers = map[byte]string{
	'Y': "1", 'M': "1", 'D': "1", 'd': "1", 'F': "n", 'W': "1", 'w': "1", 'X': "1", 'x': "1", 'H': "1", 'h': "1", 'P': "n",
	'm': "01", 's': "01", 'f': "1", 'Z': "01:01", 'z': "01:01", 'C': "n", 'E': "n",
}

const isoPicture = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"

var isoParts = func() []timePart {
	parts, err := parseTimePicture(isoPicture)
	if err != nil {
		panic(err)
	}
	return parts
}()

func parseTimePicture(picture string) ([]timePart, error) {
	var parts []timePart
	text := func(s string) {
		if s != "" {
			parts = append(parts, timePart{literal: strings.ReplaceAll(s, "]]", "]")})
		}
	}
	start := 0
	for at := 0; at < len(picture); at++ {
		if picture[at] != '[' {
			continue
		}
		text(picture[start:at])
		if strings.HasPrefix(picture[at+1:], "[") {
			parts = append(parts, timePart{literal: "["})
			at++
			start = at + 1
			continue
		}
		end := strings.IndexByte(picture[at:], ']')
		if end < 0 {
			return nil, fail("D3135")
		}
		p, err := parseMarker(strings.Join(strings.Fields(picture[at+1:at+end]), ""))
		if err != nil {
			return nil, err
		}
		if n := len(parts); n > 0 && parts[n-1].format != nil && p.format != nil && p.component != 'Z' && p.component != 'z' {
			parts[n-1].format.width = parts[n-1].format.mandatory
		}
		parts = append(parts, p)
		at += end
		start = at + 1
	}
	text(picture[start:])
	return parts, nil
}

func parseMarker(marker string) (timePart, error) {
	p := timePart{min: -1, max: -1, modulo: -1}
	if marker == "" {
		return p, failValue("D3132", "")
	}
	size := nextCharacter(marker)
	p.component = marker[0]
	if size > 1 {
		p.component = 0xff
	}
	modifier := marker[size:]
	if i := strings.LastIndexByte(marker, ','); i >= size {
		low, high, both := strings.Cut(marker[i+1:], "-")
		p.min = width(low)
		if both {
			p.max = width(high)
		}
		modifier = marker[size:i]
	}
	switch n := len(modifier); {
	case n > 1:
		if last := modifier[n-1]; strings.IndexByte("atco", last) >= 0 {
			p.modifier = last
			modifier = modifier[:n-1]
		}
	case n == 0:
		var known bool
		if modifier, known = modifiers[p.component]; !known {
			return p, failValue("D3132", marker[:size])
		}
	}
	switch {
	case modifier[0] == 'n':
		p.names = 'n'
	case modifier[0] == 'N':
		p.names = 'N'
		if strings.HasPrefix(modifier, "Nn") {
			p.names = 't'
		}
	case strings.IndexByte("YMDdFWwXxHhmsf", p.component) >= 0:
		var err error
		if p.format, err = parseIntegerPicture(modifier); err != nil {
			return p, err
		}
		p.format.ordinal = p.modifier == 'o'
		if p.min >= 0 && p.format.mandatory < p.min {
			p.format.mandatory = p.min
		}
		if p.component == 'Y' {
			if p.max >= 0 {
				p.modulo, p.format.mandatory = p.max, p.max
			} else if w := p.format.mandatory + p.format.optional; w >= 2 {
				p.modulo = w
			}
		}
	}
	if p.component == 'Z' || p.component == 'z' {
		var err error
		if p.format, err = parseIntegerPicture(modifier); err != nil {
			return p, err
		}
	}
	return p, nil
}

// widthMax bounds the width of a component.
const widthMax = 1 << 20

func width(s string) int {
	if s == "*" || s == "" {
		return -1
	}
	f := parseInt(s)
	if !(f >= 0) {
		return -1
	}
	return int(min(f, widthMax))
}

var (
	days   = []string{"", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}
	months = []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
)

const dayMillis = 24 * 60 * 60 * 1000

// A moment is broken down into the components of pictures.
type moment struct {
	millis                            float64 // since 1970, in the wanted zone
	year                              float64
	month, day                        int // month from 1
	hour, minute, second, millisecond int
}

// momentOf breaks down milliseconds by the proleptic Gregorian calendar.
func momentOf(millis float64) moment {
	days := math.Floor(millis / dayMillis)
	rest := int(millis - days*dayMillis)
	m := moment{millis: millis, hour: rest / 3600000, minute: rest / 60000 % 60, second: rest / 1000 % 60, millisecond: rest % 1000}
	// Days since 1 March of year 0, in eras of 400 years.
	z := int64(days) + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	m.day = int(doy-(153*mp+2)/5) + 1
	m.month = int(mp) + 3
	y := yoe + era*400
	if m.month > 12 {
		m.month -= 12
		y++
	}
	m.year = float64(y)
	return m
}

// utc is JavaScript's Date.UTC; month from 0, and any value may be out of its range.
func utc(year, month, day, hour, minute, second, ms float64) float64 {
	for _, f := range []float64{year, month, day, hour, minute, second, ms} {
		if math.IsNaN(f) || math.IsInf(f, 0) || math.Abs(f) > 1e9 {
			return math.NaN()
		}
	}
	if year >= 0 && year <= 99 {
		year += 1900
	}
	return fullUTC(year, month, day, hour, minute, second, ms)
}

func fullUTC(year, month, day, hour, minute, second, ms float64) float64 {
	year += math.Floor(month / 12)
	m := int64(month - 12*math.Floor(month/12))
	y := int64(year)
	if m < 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	doy := (153*((m+10)%12)+2)/5 + 0
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	days := float64(era*146097+doe-719468) + day - 1
	t := days*dayMillis + hour*3600000 + minute*60000 + second*1000 + ms
	if math.Abs(t) > 8.64e15 {
		return math.NaN()
	}
	return t
}

// firstWeek is when the first ISO week of a month begins (month from 0): that with its
// first Thursday.
func firstWeek(year float64, month int) float64 {
	first := fullUTC(year, float64(month), 1, 0, 0, 0, 0)
	d := float64(weekday(first))
	if d > 4 {
		return first + (8-d)*dayMillis
	}
	return first - (d-1)*dayMillis
}

// weekday is 1 for Monday to 7 for Sunday.
func weekday(millis float64) int {
	d := int(math.Mod(math.Floor(millis/dayMillis)+3, 7))
	if d < 0 {
		d += 7
	}
	return d + 1
}

func weeks(from, to float64) float64 { return math.Floor((to-from)/(7*dayMillis)) + 1 }

// component is the value of a component that is a number.
func (m moment) component(c byte) float64 {
	today := fullUTC(m.year, float64(m.month-1), float64(m.day), 0, 0, 0, 0)
	switch c {
	case 'Y':
		return m.year
	case 'M':
		return float64(m.month)
	case 'D':
		return float64(m.day)
	case 'd':
		return (today-fullUTC(m.year, 0, 1, 0, 0, 0, 0))/dayMillis + 1
	case 'F':
		return float64(weekday(m.millis))
	case 'W':
		week := weeks(firstWeek(m.year, 0), today)
		if week > 52 && today >= firstWeek(m.year+1, 0) {
			return 1
		}
		if week < 1 {
			return weeks(firstWeek(m.year-1, 0), today)
		}
		return week
	case 'w':
		week := weeks(firstWeek(m.year, m.month-1), today)
		if week > 4 && today >= firstWeek(m.year, m.month) {
			return 1
		}
		if week < 1 {
			return weeks(firstWeek(m.year, m.month-2), today)
		}
		return week
	case 'X':
		switch {
		case m.millis < firstWeek(m.year, 0):
			return m.year - 1
		case m.millis >= firstWeek(m.year+1, 0):
			return m.year + 1
		}
		return m.year
	case 'x':
		month := m.month
		switch {
		case m.millis < firstWeek(m.year, m.month-1):
			month--
		case m.millis >= firstWeek(m.year, m.month):
			month++
		}
		return float64((month+11)%12 + 1)
	case 'H':
		return float64(m.hour)
	case 'h':
		return float64((m.hour+11)%12 + 1)
	case 'P':
		return float64(m.hour / 12)
	case 'm':
		return float64(m.minute)
	case 's':
		return float64(m.second)
	case 'f':
		return float64(m.millisecond)
	}
	return math.NaN()
}

func formatTime(e *evaluation, millis float64, picture, zone any) (any, error) {
	parts := isoParts
	if s, is := picture.(string); is {
		if err := e.spend(len(s)); err != nil {
			return nil, err
		}
		var err error
		if parts, err = parseTimePicture(s); err != nil {
			return nil, err
		}
	}
	hours, minutes := 0.0, 0.0
	if s, is := zone.(string); is {
		offset := parseInt(s)
		hours, minutes = math.Floor(offset/100), math.Mod(offset, 100)
	}
	millis = math.Trunc(millis + (60*hours+minutes)*60000)
	if math.IsNaN(millis) || math.Abs(millis) > 8.64e15 {
		return nil, failValue("D3110", "Invalid time value")
	}
	m := momentOf(millis)
	var b strings.Builder
	for i := range parts {
		p := &parts[i]
		if p.component == 0 {
			b.WriteString(p.literal)
			continue
		}
		s, err := p.write(e, m, hours, minutes)
		if err != nil {
			return nil, err
		}
		b.WriteString(s)
	}
	return b.String(), e.charge(b.Len())
}

func (p *timePart) write(e *evaluation, m moment, hours, minutes float64) (string, error) {
	if strings.IndexByte("YMDdFWwXxHhms", p.component) >= 0 {
		v := m.component(p.component)
		if p.component == 'Y' && p.modulo != -1 {
			v = math.Mod(v, math.Pow(10, float64(p.modulo)))
		}
		if p.names == 0 {
			return p.format.write(e, v)
		}
		var name string
		switch p.component {
		case 'M', 'x':
			name = months[int(v)-1]
		case 'F':
			name = days[int(v)]
		default:
			return "", failValue("D3133", string(rune(p.component)))
		}
		switch p.names {
		case 'N':
			name = strings.ToUpper(name)
		case 'n':
			name = strings.ToLower(name)
		}
		if p.max >= 0 && len(name) > p.max {
			name = name[:p.max]
		}
		return name, nil
	}
	switch p.component {
	case 'f':
		if p.format == nil {
			return "", failValue("D3133", "f")
		}
		return p.format.write(e, float64(m.millisecond))
	case 'Z', 'z':
		return p.zone(e, hours, minutes)
	case 'P':
		s := "am"
		if m.hour >= 12 {
			s = "pm"
		}
		if p.names == 'N' {
			s = strings.ToUpper(s)
		}
		return s, nil
	case 'C', 'E':
		return "ISO", nil
	}
	return "", failValue("D3132", string(rune(p.component)))
}

func (p *timePart) zone(e *evaluation, hours, minutes float64) (string, error) {
	offset := hours*100 + minutes
	var s string
	var err error
	switch n := p.format.mandatory; {
	case p.format.regular > 0 || n == 3 || n == 4:
		s, err = p.format.write(e, offset)
	case n == 1 || n == 2:
		if s, err = p.format.write(e, hours); err == nil && minutes != 0 {
			var m string
			m, err = (&integerFormat{kind: '1', zero: '0', mandatory: 2}).write(e, minutes)
			s += ":" + m
		}
	default:
		return "", failValue("D3134", float64(n))
	}
	if err != nil {
		return "", err
	}
	if offset >= 0 {
		s = "+" + s
	}
	if p.component == 'z' {
		s = "GMT" + s
	}
	if offset == 0 && p.modifier == 't' {
		s = "Z"
	}
	return s, nil
}

// parseISO reads a timestamp as ISO 8601 writes it; without a zone it is in UTC.
func parseISO(s string) (any, error) {
	bad := func() (any, error) { return nil, failValue("D3110", s) }
	rest := s
	fits := func(pattern string) bool {
		if len(rest) < len(pattern) {
			return false
		}
		for i := range len(pattern) {
			c := rest[i]
			switch p := pattern[i]; p {
			case '9':
				if c < '0' || c > '9' {
					return false
				}
			case '0', '1', '2', '3', '5':
				if c < '0' || c > p {
					return false
				}
			default:
				if c != p {
					return false
				}
			}
		}
		return true
	}
	take := func(pattern string) (string, bool) {
		if !fits(pattern) {
			return "", false
		}
		part := rest[:len(pattern)]
		rest = rest[len(pattern):]
		return part, true
	}
	num := func(s string) float64 { return parseInt(s) }
	yearText, ok := take("9999")
	if !ok {
		return bad()
	}
	year, month, day := num(yearText), 1.0, 1.0
	hour, minute, second, ms, zone := 0.0, 0.0, 0.0, 0.0, 0.0
	strange := false
	if t, ok := take("-19"); ok {
		month = num(t[1:])
	}
	if t, ok := take("-39"); ok {
		day = num(t[1:])
	}
	timed := false
	if t, ok := take("T29:59:59"); ok {
		timed = true
		hour, minute, second = num(t[1:3]), num(t[4:6]), num(t[7:9])
	}
	if strings.HasPrefix(rest, ".") {
		n := 1
		for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
			n++
		}
		if n == 1 {
			return bad()
		}
		digits := (rest[1:n] + "000")[:3]
		ms = num(digits)
		rest = rest[n:]
		strange = strange || !timed
	}
	switch {
	case rest == "":
	case rest == "Z":
	default:
		sign := 1.0
		switch rest[0] {
		case '-':
			sign = -1
		case '+':
		default:
			return bad()
		}
		rest = rest[1:]
		h, ok := take("29")
		if !ok {
			return bad()
		}
		rest = strings.TrimPrefix(rest, ":")
		m, ok := take("59")
		if !ok || rest != "" {
			return bad()
		}
		zone = sign * (num(h)*60 + num(m))
		strange = strange || !timed
	}
	if strange || month < 1 || month > 12 || day < 1 || day > 31 || hour > 24 || hour == 24 && (minute > 0 || second > 0 || ms > 0) {
		return math.NaN(), nil
	}
	return fullUTC(year, month-1, day, hour, minute, second, ms) - zone*60000, nil
}

// parseTime reads a timestamp by a picture. What the picture has not is that of now, if it
// is more than what the picture has, else the least.
func parseTime(e *evaluation, s, picture string) (any, error) {
	if err := e.spend(len(picture)); err != nil {
		return nil, err
	}
	parts, err := parseTimePicture(picture)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(parts))
	readers := make([]*partReader, len(parts))
	for i := range parts {
		if readers[i], err = parts[i].reader(); err != nil {
			return nil, err
		}
	}
	if ok, err := e.matchParts(readers, s, texts); !ok || err != nil {
		return Undefined, err
	}
	var has ['z' + 1]bool
	var c ['z' + 1]float64
	some := false
	for i := range parts {
		p := &parts[i]
		if p.component == 0 || readers[i].parse == nil {
			continue
		}
		v, err := readers[i].parse(e, texts[i])
		if err != nil {
			return nil, err
		}
		some = true
		has[p.component], c[p.component] = !math.IsNaN(v), v
	}
	if !some {
		return Undefined, nil
	}
	mask := func(components string) int {
		m := 0
		for _, k := range []byte(components) {
			m <<= 1
			if has[k] && c[k] != 0 {
				m |= 1
			}
		}
		return m
	}
	isType := func(kind, mask int) bool { return ^kind&mask == 0 && kind&mask != 0 }
	const (
		yearMonthDay = 161 // of YXMxWwdD
		yearDay      = 130
		weekOfMonth  = 84
		weekOfYear   = 72
		hours24      = 23 // of PHhmsf
		hours12      = 47
	)
	dates, times := mask("YXMxWwdD"), mask("PHhmsf")
	byDay := !isType(yearMonthDay, dates) && isType(yearDay, dates)
	if isType(weekOfMonth, dates) || isType(weekOfYear, dates) {
		// The calendars of weeks can be written, but not read.
		return nil, fail("D3136")
	}
	half := !isType(hours24, times) && isType(hours12, times)
	order := "YMD"
	if byDay {
		order = "YD"
	}
	if half {
		order += "Phmsf"
	} else {
		order += "Hmsf"
	}
	if e.now.IsZero() && !has[order[0]] {
		return nil, fail("U1006")
	}
	now := momentOf(float64(e.now.UnixMilli()))
	begun, ended := false, false
	for _, k := range []byte(order) {
		switch {
		case has[k]:
			begun = true
			if ended {
				return nil, fail("D3136")
			}
		case begun:
			ended = true
			c[k] = 0
			if k == 'M' || k == 'D' || k == 'd' {
				c[k] = 1
			}
		default:
			c[k] = now.component(k)
		}
	}
	month := max(c['M']-1, 0)
	day := c['D']
	if byDay {
		month, day = 0, c['d']
	}
	hour := c['H']
	if half {
		hour = math.Mod(c['h'], 12)
		if c['h'] != 12 {
			hour = c['h']
		}
		if c['P'] == 1 {
			hour += 12
		}
	}
	t := utc(c['Y'], month, day, hour, c['m'], c['s'], c['f'])
	zone := c['Z']
	if zone == 0 {
		zone = c['z']
	}
	return t - zone*60000, nil
}

// partReader reads the text of a part of a picture.
type partReader struct {
	literal string
	// accepts tells how many of the first bytes of a text may be the part's: between the
	// two numbers. least is above most if it cannot be.
	accepts func(s string) (least, most int)
	parse   func(e *evaluation, s string) (float64, error)
}

func span(s string, is func(c byte) bool) int {
	i := 0
	for i < len(s) && is(s[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

func (p *timePart) reader() (*partReader, error) {
	r := &partReader{literal: p.literal}
	switch {
	case p.component == 0:
		r.accepts = func(s string) (int, int) {
			if len(s) >= len(p.literal) && strings.EqualFold(s[:len(p.literal)], p.literal) {
				return len(p.literal), len(p.literal)
			}
			return 1, 0
		}
	case p.component == 'Z' || p.component == 'z':
		p.zoneReader(r)
	case p.format != nil:
		f := p.format
		if f.kind == '?' {
			return nil, f.unknown()
		}
		r.parse = func(e *evaluation, s string) (float64, error) {
			if p.component == 'f' && f.kind == '1' {
				// A fraction of a second, of which milliseconds count.
				s = (s + strings.Repeat(string(f.zero), 3))
				s = s[:offset(s, 3)]
			}
			v, err := f.read(e, s)
			n, _ := number(v)
			return n, err
		}
		r.accepts = func(s string) (int, int) { return f.accepts(s) }
	default:
		names := map[string]float64{}
		add := func(name string, v int) {
			if p.max > 0 && len(name) > p.max {
				name = name[:p.max]
			}
			names[name] = float64(v)
		}
		switch p.component {
		case 'M', 'x':
			for i, m := range months {
				add(m, i+1)
			}
		case 'F':
			for i, d := range days[1:] {
				add(d, i+1)
			}
		case 'P':
			names = map[string]float64{"am": 0, "AM": 0, "pm": 1, "PM": 1}
		default:
			return nil, failValue("D3133", string(rune(p.component)))
		}
		r.accepts = func(s string) (int, int) { return 1, span(s, isLetter) }
		r.parse = func(_ *evaluation, s string) (float64, error) {
			if v, known := names[s]; known {
				return v, nil
			}
			return math.NaN(), nil
		}
	}
	return r, nil
}

// accepts tells how much of s may be a number of the format: some bytes at least and most.
func (f *integerFormat) accepts(s string) (int, int) {
	switch f.kind {
	case 'a':
		return 1, span(s, isLetter)
	case 'i':
		return 1, span(s, func(c byte) bool { return romanValues[c|0x20] > 0 })
	case 'w':
		// As many words as there are.
		i := 0
	words:
		for i < len(s) {
			if strings.IndexByte("-, ", s[i]) >= 0 {
				i++
				continue
			}
			n := span(s[i:], isLetter)
			for ; n > 0; n-- {
				word := strings.ToLower(s[i : i+n])
				if _, known := wordValues[word]; known || word == "and" {
					i += n
					continue words
				}
			}
			break
		}
		return 1, i
	}
	suffix := 0
	n := span(s, isDigit)
	if f.width > 0 {
		if n < f.width {
			return 1, 0
		}
		n = f.width
	}
	if f.ordinal {
		if n == 0 || len(s) < n+2 {
			return 1, 0
		}
		switch strings.ToLower(s[n : n+2]) {
		case "th", "st", "nd", "rd":
			suffix = 2
		default:
			return 1, 0
		}
		return n + suffix, n + suffix
	}
	if f.width > 0 {
		return n, n
	}
	return 1, n
}

func (p *timePart) zoneReader(r *partReader) {
	sep := ""
	if p.format.regular > 0 {
		sep = p.format.groups[0].char
	}
	prefix := ""
	if p.component == 'z' {
		prefix = "GMT"
	}
	r.accepts = func(s string) (int, int) {
		n := len(prefix)
		if len(s) <= n || !strings.EqualFold(s[:n], prefix) || s[n] != '+' && s[n] != '-' {
			return 1, 0
		}
		n++
		digits := span(s[n:], isDigit)
		if digits == 0 {
			return 1, 0
		}
		if sep == "" {
			return n + 1, n + digits
		}
		n += digits
		if !strings.HasPrefix(s[n:], sep) {
			return 1, 0
		}
		n += len(sep)
		more := span(s[n:], isDigit)
		if more == 0 {
			return 1, 0
		}
		return n + 1, n + more
	}
	r.parse = func(_ *evaluation, s string) (float64, error) {
		s = s[len(prefix):]
		var hours, minutes float64
		if sep != "" {
			h, m, _ := strings.Cut(s, sep)
			hours, minutes = parseInt(h), parseInt(m)
		} else if len(s) <= 3 {
			hours = parseInt(s)
		} else {
			hours, minutes = parseInt(s[:3]), parseInt(s[3:])
		}
		return hours*60 + minutes, nil
	}
}

// matchParts divides s among the parts, each as long as it can be.
func (e *evaluation) matchParts(parts []*partReader, s string, texts []string) (bool, error) {
	if len(parts) == 0 {
		return s == "", nil
	}
	least, most := parts[0].accepts(s)
	for n := most; n >= least; n-- {
		if err := e.step(); err != nil {
			return false, err
		}
		ok, err := e.matchParts(parts[1:], s[n:], texts[1:])
		if ok || err != nil {
			texts[0] = s[:n]
			return ok, err
		}
	}
	return false, nil
}
