package timeline

import (
	"fmt"
	"strings"
)

// How large a Spark is, in the units of its drawing, and how many points it has at most.
const (
	SparkWidth  = 120
	SparkHeight = 24
	sparkPoints = 60
)

// Spark is a line of numbers in a small space: paths of an SVG as wide and high as SparkWidth and
// SparkHeight.
type Spark struct {
	Line, Area string
	Most       int64 // the largest point
	Sum        int64
}

// SparkOf draws numbers, the newest at the right edge. Several that share a point are added up,
// or of what is no count the largest is taken.
func SparkOf(values []int64, adds bool) Spark {
	each := max(1, (len(values)+sparkPoints-1)/sparkPoints)
	var points []int64 // from the newest on
	s := Spark{}
	for i := len(values) - 1; i >= 0; i-- {
		s.Sum += values[i]
		if (len(values)-1-i)%each == 0 {
			points = append(points, 0)
		}
		last := &points[len(points)-1]
		if adds {
			*last += values[i]
		} else {
			*last = max(*last, values[i])
		}
		s.Most = max(s.Most, *last)
	}
	switch len(points) {
	case 0:
		return s
	case 1:
		points = append(points, points[0]) // a level line
	}
	step := float64(SparkWidth) / float64(max(1, len(points)-1))
	x := func(i int) float64 { return SparkWidth - float64(i)*step }
	y := func(v int64) float64 { return SparkHeight - 1 - float64(v)/float64(max(1, s.Most))*(SparkHeight-2) }
	var line strings.Builder
	for i := len(points) - 1; i >= 0; i-- {
		fmt.Fprintf(&line, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[i == len(points)-1], x(i), y(points[i]))
	}
	s.Line = line.String()
	s.Area = fmt.Sprintf("%sL%d %dL%.1f %dZ", s.Line, SparkWidth, SparkHeight, x(len(points)-1), SparkHeight)
	return s
}
