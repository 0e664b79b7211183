package view

import (
	"fmt"
	"time"

	"heddle/internal/console/timeline"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	operator "heddle/internal/operator/wire"
)

// Spark is an hour of numbers as a line, and in words.
type Spark struct {
	timeline.Spark
	Name string // as the server has it
	Text string
}

// sparkWords are what series are called, and how a sum of one is said, or its largest.
var sparkWords = map[string][2]string{
	"started": {"started", "%d started"}, "closed": {"closed", "%d closed"}, "failed": {"failed or timed out", "%d failed or timed out"},
	"requests": {"requests", "%d requests"}, "tasksHandedOut": {"tasks handed out", "%d tasks handed out"},
	"tasksWaiting": {"tasks waiting", "%d tasks waited at most"}, "pollsWaiting": {"polls waiting", "%d polls waited at most"},
}

// slotsOfHour is how many values an hour has.
const slotsOfHour = 360

// Sparks are the lines of an answer, in its order.
func Sparks(in *operator.GetSeriesOutput) []Spark {
	var all []Spark
	for i := range in.Series {
		one := &in.Series[i]
		s := Spark{Spark: timeline.SparkOf(one.Values, slotsOfHour, one.Sums), Name: one.Name}
		n := s.Most
		if one.Sums {
			n = s.Sum
		}
		words, known := sparkWords[one.Name]
		switch {
		case known:
			s.Text = fmt.Sprintf(words[1], n)
		case one.Unit == "microseconds":
			s.Text = "one in a hundred commits took " + time.Duration(n*1000).Round(10*time.Microsecond).String() + " at most"
		default:
			s.Text = fmt.Sprintf("%s: %d %s", one.Name, n, one.Unit)
		}
		s.Text += " in the last " + diagnose.Span(engine.Time(int64(len(one.Values))*in.StepSeconds*1000))
		all = append(all, s)
	}
	return all
}
