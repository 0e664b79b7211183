package sdk

import (
	"regexp"
	"strings"
	"unicode"
)

// Naming says what members are called in parameters and results.
type Naming int

const (
	// Java has the names of AWS's SDK for Java 2, with a capital, and no others: SSEKMSKeyId is
	// SsekmsKeyId, jobName is JobName. A time is a text: 2024-03-17T11:09:25Z.
	Java Naming = iota
	// Own has those of the API, with a capital. A time is a number of milliseconds.
	Own
	// Small is Own, but that parameters may begin with a small letter as they do in the API.
	Small
)

func (n Naming) name(member string) string {
	if n == Java {
		member = lowered(member)
		if other, taken := instead[member]; taken {
			member = other
		}
	}
	return strings.ToUpper(member[:1]) + member[1:]
}

// instead are what members are called whose names Java has other uses for: methods that all
// objects have, and words of the language (Step Functions Developer Guide, AWS SDK service
// integrations, of EqualsValue; DynamoDB's AttributeValue.nul in the SDK for Java 2).
var instead = map[string]string{"equals": "equalsValue", "null": "nul"}

// member finds the member that parameters call so; "": there is none.
func (n Naming) member(of *Shape, called string) string {
	if _, own := of.Members[called]; own && (n == Small || n.name(called) == called) {
		return called
	}
	for name := range of.Members {
		if n.name(name) == called {
			return name
		}
	}
	return ""
}

// lowered is a name of the model as the SDK for Java has it: the capitals that it begins with
// are small, but for the last if a word follows.
func lowered(name string) string {
	r := []rune(name)
	for i := range r {
		if i > 0 && (!unicode.IsUpper(r[i]) || i < len(r)-1 && unicode.IsLower(r[i+1])) {
			break
		}
		r[i] = unicode.ToLower(r[i])
	}
	return string(r)
}

// What parts the words of a name for the SDK for Java.
var (
	noWords  = regexp.MustCompile(`[^A-Za-z0-9]+`)
	versions = regexp.MustCompile(`([^a-z]{2,})v([0-9]+)`)
	camels   = regexp.MustCompile(`([a-z])([A-Z][a-zA-Z0-9])`)
	acronyms = regexp.MustCompile(`([A-Z]+)([A-Z][a-z])`)
	numbers  = regexp.MustCompile(`([0-9])([a-zA-Z])`)
)

// Class is the name of a class of the SDK for Java: DynamoDB is DynamoDb.
func Class(name string) string {
	name = noWords.ReplaceAllString(name, " ")
	name = versions.ReplaceAllString(name, "$1 v$2 ")
	name = camels.ReplaceAllString(name, "$1 $2")
	name = acronyms.ReplaceAllString(name, "$1 $2")
	name = numbers.ReplaceAllString(name, "$1 $2")
	var b strings.Builder
	for word := range strings.FieldsSeq(name) {
		word = strings.ToLower(word)
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// Class is what the SDK for Java calls the service, and errors of Step Functions begin with.
func (s *Service) Class() string { return Class(strings.TrimSuffix(s.Metadata.ServiceID, "Service")) }

// ExceptionClass is the class of an exception of the model: of "" that of all others.
func (s *Service) ExceptionClass(shape string) string {
	if shape == "" {
		return s.Class() + "Exception"
	}
	for _, end := range []string{"Exception", "Fault"} {
		if bare, ok := strings.CutSuffix(shape, end); ok && bare != "" {
			return Class(bare) + "Exception"
		}
	}
	return Class(shape) + "Exception"
}
