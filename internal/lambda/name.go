package lambda

import (
	"cmp"
	"regexp"

	"heddle/internal/aws/arn"
	"heddle/internal/engine"
)

// functionName is what the service takes for the name of a function: an ARN, or its end
// from the region, the account or the name on, with perhaps a version or an alias.
var functionName = regexp.MustCompile(`^(?:(?:arn:(aws[a-zA-Z-]*):lambda:)?((?:[a-z]{2}|eusc)(?:-[a-z]+)+-\d+):)?(?:(\d{12}):)?(?:(function):)?([a-zA-Z0-9_-]+)(?::(\$LATEST|[a-zA-Z0-9_-]+))?$`)

// Function is a function that is named in a world.
type Function struct {
	ARN string // with the qualifier, if the name has one
	// Sent is what the endpoint is told: the name as it was given, if that can't be
	// misread, else the ARN, so that it runs what permission was asked for.
	Sent string
	// Qualifier is the version or alias in the name.
	Qualifier string
}

// FunctionOf reads the name of a function; ok is false if it can be none. It goes into
// the path of a URL, so nothing that means something there may pass.
func FunctionOf(w engine.World, name string) (f Function, ok bool) {
	m := functionName.FindStringSubmatch(name)
	if m == nil {
		return Function{}, false
	}
	partition, region, account, word, short, qualifier := m[1], m[2], m[3], m[4], m[5], m[6]
	plain := region == "" && account == "" && word == ""
	switch {
	case partition != "" && (account == "" || word == ""): // half an ARN
		return Function{}, false
	case partition != "" && partition != arn.Partition(region):
		return Function{}, false
	case plain && short == "function" && qualifier != "": // some would take the qualifier for the name
		return Function{}, false
	}
	a := arn.Of("lambda", cmp.Or(region, w.Region), cmp.Or(account, w.Account), "function:"+short)
	if qualifier != "" {
		a.Resource += ":" + qualifier
	}
	f = Function{ARN: a.String(), Sent: name, Qualifier: qualifier}
	if !plain {
		f.Sent = f.ARN
	}
	return f, true
}

// qualifier is what may stand after the name of a function.
var qualifier = regexp.MustCompile(`^(?:\$LATEST|[a-zA-Z0-9_-]+)$`)

// Qualified is the function at a version or an alias that is named beside it, "" being
// none. The endpoint is told that beside Sent. ok is false if it can be none, or the name
// has another.
func (f Function) Qualified(by string) (_ Function, ok bool) {
	switch {
	case by == "" || by == f.Qualifier:
		return f, true
	case f.Qualifier != "" || !qualifier.MatchString(by):
		return Function{}, false
	}
	f.ARN += ":" + by
	f.Qualifier = by
	return f, true
}
