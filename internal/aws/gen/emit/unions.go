package emit

// Union is a structure with one body among its members, as its type says.
type Union struct {
	// Shape is the structure, Type the member that says which body it has: an enum.
	Shape string `json:"shape"`
	Type  string `json:"type"`
	// Suffix is what follows a type in the name of its member: TimerFired has its body in
	// timerFiredEventAttributes.
	Suffix string `json:"suffix"`
	// Shared are members for all types that end like their names.
	Shared []string `json:"shared"`
	// Body is the name of the interface of all bodies.
	Body string `json:"body"`
}

func (g *generator) unions() {}
