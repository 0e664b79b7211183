package audit

// Kind says in which of three trails a record stands. Each has a queue, and files with
// names and a retention of their own: so who fills one takes no room from the others.
type Kind uint8

const (
	// Calls of known callers that changed nothing which was set up: reads, calls about
	// executions and tasks, and those that failed.
	Calls Kind = iota
	// Changes are calls that changed what was set up, or may have: the evidence that
	// is kept longest. Room for their records is taken before they are done.
	Changes
	// Refused are calls of nobody known, and those that a caller may not make, or not
	// that often. Above some they are counted, see refusals.
	Refused

	kinds = iota
	// unsorted is the kind of files from before there were kinds; they may have
	// everything, so they are kept as changes are.
	unsorted Kind = kinds
)

var kindNames = [...]string{Calls: "calls", Changes: "changes", Refused: "refused", unsorted: ""}

func (k Kind) String() string { return kindNames[k] }

// queueMax is how many bytes of lines wait for a destination; as many again may be on
// their way to it.
var queueMax = [kinds]int{Calls: 8 << 20, Changes: 16 << 20, Refused: 4 << 20}
