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

// function is a function that an execution names in its world.
type function struct {
	arn string
	// sent is what the endpoint is told: the name as it was given, if that can't be
	// misread, else the ARN, so that it runs what permission was asked for.
	sent string
}

// functionOf reads the name of a function; ok is false if it can be none. It goes into
// the path of a URL, so nothing that means something there may pass.
func functionOf(w engine.World, name string) (f function, ok bool) {
	m := functionName.FindStringSubmatch(name)
	if m == nil {
		return function{}, false
	}
	partition, region, account, word, short, qualifier := m[1], m[2], m[3], m[4], m[5], m[6]
	plain := region == "" && account == "" && word == ""
	switch {
	case partition != "" && (account == "" || word == ""): // half an ARN
		return function{}, false
	case partition != "" && partition != arn.Partition(region):
		return function{}, false
	case plain && short == "function" && qualifier != "": // some would take the qualifier for the name
		return function{}, false
	}
	a := arn.Of("lambda", cmp.Or(region, w.Region), cmp.Or(account, w.Account), "function:"+short)
	if qualifier != "" {
		a.Resource += ":" + qualifier
	}
	f = function{arn: a.String(), sent: name}
	if !plain {
		f.sent = f.arn
	}
	return f, true
}
