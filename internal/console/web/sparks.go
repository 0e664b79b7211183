package web

import (
	"time"

	"heddle/internal/console/timeline"
	"heddle/internal/diagnose"
	"heddle/internal/engine"
	operator "heddle/internal/operator/wire"
)

// spark is an hour of numbers as a line, and in words.
type spark struct {
	timeline.Spark
	Name string // as the server has it
	Text string
}

// sparkWords say how much a series was in all, or of what is no count at most.
var sparkWords = map[string]string{
	"started": "started", "closed": "closed", "failed": "failed or timed out", "requests": "requests", "tasksHandedOut": "tasks handed out",
	"tasksWaiting": "tasks waited at most", "pollsWaiting": "polls waited at most",
}

// sparks are an hour of a domain, or if that is empty of the server, as lines; nil: the visitor may
// not see them.
func (v *visit) sparks(domain string) (all []spark, err error) {
	in := &operator.GetSeriesInput{}
	if domain != "" {
		in.Domain = &domain
	}
	out, err := call[operator.GetSeriesOutput](v, "heddle", "GetSeries", in)
	if denied(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for i := range out.Series {
		one := &out.Series[i]
		s := spark{Spark: timeline.SparkOf(one.Values, one.Sums), Name: one.Name}
		n := s.Most
		if one.Sums {
			n = s.Sum
		}
		if len(one.Values) == 0 {
			return nil, nil // the server has just begun
		}
		if one.Unit == "microseconds" {
			s.Text = "one in a hundred commits took " + (time.Duration(n) * time.Microsecond).Round(10*time.Microsecond).String() + " at most"
		} else {
			s.Text = number(n) + " " + sparkWords[one.Name]
		}
		s.Text += " in the last " + diagnose.Span(engine.Time(int64(len(one.Values))*out.StepSeconds*1000))
		all = append(all, s)
	}
	return all, nil
}
