package engine

// Meters measure a sort of things that are told apart by labels whose values users choose.
// Rules have them as variables, and name them in what they measure.
type Meters struct {
	Labels []string // at most as many as Of has places
	Meters []Meter
}

// Meter measures one fact of the things of its Meters.
type Meter struct {
	Name, Help string
	Timed      bool // in seconds; else it counts
	// Labels are those whose values are known beforehand, and Values the sets of values that
	// there may be; nil: there are none.
	Labels []string
	Values [][]string
}

// Of are the values of the labels of Meters, in their order; those that are left are empty.
type Of [3]string

// Measure is something that was counted, or that took a while. Like an event it is told once
// its turn is durable, and only then.
type Measure struct {
	Meters *Meters
	Of     Of
	Meter  int  // which of Meters
	Values int  // which of Meter.Values
	Took   Time // of a meter that is timed: a span
	Times  int  // of one that counts: how often; 0: once
}
