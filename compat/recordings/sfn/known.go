package main

// knownDifferences are those that we mean: each is a difference of one case, as it
// is printed, and why it is. One that no longer turns up fails its case, so that
// the table tells the truth.
var knownDifferences = []knownDifference{}

type knownDifference struct {
	id     string // of the case
	path   string
	reason string
}

// mark gives the known ones of a case's differences their reason.
func mark(id string, differences []difference) {
	for i := range differences {
		for _, k := range knownDifferences {
			if k.id == id && k.path == differences[i].path {
				differences[i].reason = k.reason
			}
		}
	}
}
