package iam

import (
	"encoding/base64"
	"fmt"
	"heddle/internal/aws/fault"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"heddle/internal/aws/awsquery"
	"heddle/internal/iam/account"
)

// invalid is the fault for a value that an action does not take.
func invalid(format string, a ...any) *fault.Fault {
	return fault.Invalid(fmt.Sprintf(format, a...))
}

// constraint words a flaw as AWS's validation does.
func constraint(param, value, want string) *fault.Fault {
	const most = 256 // of what is sent back
	return invalid("1 validation error detected: Value '%.*s' at '%s' failed to satisfy constraint: %s", most, value, lowerFirst(param), want)
}

func missing(param string) *fault.Fault {
	return invalid("1 validation error detected: Value at '%s' failed to satisfy constraint: Member must not be null", lowerFirst(param))
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// fail notes a flaw of the parameters.
func (c *call) fail(err error) {
	if c.flaw == nil {
		c.flaw = err
	}
}

// required gives a parameter that must be there, of min to max characters.
func (c *call) required(param string, min, max int) string {
	v, ok := c.Lookup(param)
	if !ok {
		c.fail(missing(param))
		return ""
	}
	c.checkLength(param, v, min, max)
	return v
}

func (c *call) checkLength(param, v string, min, max int) {
	switch n := utf8.RuneCountInString(v); {
	case n < min:
		c.fail(constraint(param, v, fmt.Sprintf("Member must have length greater than or equal to %d", min)))
	case n > max:
		c.fail(constraint(param, v, fmt.Sprintf("Member must have length less than or equal to %d", max)))
	}
}

// Lengths of names.
const (
	userNameMax   = 64
	groupNameMax  = 128
	roleNameMax   = 64
	policyNameMax = 128
	arnMax        = 2048
	documentMax   = 131072
	tagsMax       = 50 // in a request
)

var nameMax = [...]int{account.User: userNameMax, account.Group: groupNameMax, account.Role: roleNameMax}

// nameParam is the parameter that names an entity of a type.
var nameParam = [...]string{account.User: "UserName", account.Group: "GroupName", account.Role: "RoleName"}

// name gives a parameter that is a name.
func (c *call) name(param string, max int) string {
	v := c.required(param, 1, max)
	if strings.ContainsFunc(v, notInNames) {
		c.fail(invalid("The specified value for %s is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-", lowerFirst(param)))
	}
	return v
}

func notInNames(r rune) bool {
	return !isAlphanumeric(r) && !strings.ContainsRune("+=,.@_-", r)
}

func isAlphanumeric(r rune) bool {
	return r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// ref gives the entity that the parameters name.
func (c *call) ref(entityType account.EntityType) account.Ref {
	return account.Ref{Type: entityType, Name: c.name(nameParam[entityType], nameMax[entityType])}
}

// userOrSelf gives the user that the parameters name, or else the caller.
func (c *call) userOrSelf() account.Ref {
	if _, given := c.Lookup("UserName"); given {
		return c.ref(account.User)
	}
	if c.caller.Of.Type != account.User {
		c.fail(invalid("Must specify userName when calling with non-User credentials"))
	}
	return c.caller.Of
}

// policy gives a parameter that is a policy.
func (c *call) policy(param string) string {
	v := c.required(param, 1, documentMax)
	if strings.ContainsFunc(v, notInPolicies) {
		c.fail(constraint(param, v, `Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+`))
	}
	return v
}

func notInPolicies(r rune) bool {
	return r > 0xff || r < ' ' && r != '\t' && r != '\n' && r != '\r'
}

// path gives a path; param may be missing.
func (c *call) path(param string) string {
	v, ok := c.Lookup(param)
	if !ok {
		return "/"
	}
	c.checkLength(param, v, 1, 512)
	outside := func(r rune) bool { return r < 0x21 || r > 0x7e }
	if !strings.HasPrefix(v, "/") || !strings.HasSuffix(v, "/") || strings.Contains(v, "//") || strings.ContainsFunc(v, outside) {
		c.fail(invalid("The specified value for %s is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.", lowerFirst(param)))
	}
	return v
}

// number gives a number within bounds; what is missing is the default.
func (c *call) number(param string, min, max, missing int) int {
	v, ok := c.Lookup(param)
	if !ok {
		return missing
	}
	n, err := strconv.Atoi(v)
	switch {
	case err != nil:
		c.fail(&fault.Fault{Code: "MalformedInput", Message: fmt.Sprintf("%s is not a number", param)})
	case n < min:
		c.fail(constraint(param, v, fmt.Sprintf("Member must have value greater than or equal to %d", min)))
	case n > max:
		c.fail(constraint(param, v, fmt.Sprintf("Member must have value less than or equal to %d", max)))
	}
	return n
}

// flag gives a truth value; what is missing is false.
func (c *call) flag(param string) bool {
	v, ok := c.Lookup(param)
	if ok && v != "true" && v != "false" {
		c.fail(&fault.Fault{Code: "MalformedInput", Message: fmt.Sprintf("%s is neither true nor false", param)})
	}
	return v == "true"
}

// oneOf gives a parameter that is one of some words; what is missing is the
// first of them.
func (c *call) oneOf(param string, words ...string) string {
	v, ok := c.Lookup(param)
	if !ok {
		return words[0]
	}
	if !slices.Contains(words, v) {
		c.fail(constraint(param, v, "Member must satisfy enum value set: ["+strings.Join(words, ", ")+"]"))
	}
	return v
}

// tags gives a list of tags.
func (c *call) tags() []account.Tag {
	given := c.Members("Tags", "Key", "Value")
	if len(given) > tagsMax {
		c.fail(constraint("Tags", "", fmt.Sprintf("Member must have length less than or equal to %d", tagsMax)))
		return nil
	}
	var tags []account.Tag
	for _, m := range given {
		t := account.Tag{Key: m.Get("Key"), Value: m.Get("Value")}
		c.checkLength("Tags.member.key", t.Key, 1, 128)
		c.checkLength("Tags.member.value", t.Value, 0, 256)
		if len(t.Key) >= 4 && strings.EqualFold(t.Key[:4], "aws:") {
			c.fail(&fault.Fault{Code: "InvalidInput", Message: "Tag keys that begin with aws: are reserved."})
		}
		if strings.ContainsFunc(t.Key, notInTags) || strings.ContainsFunc(t.Value, notInTags) {
			c.fail(constraint("Tags", t.Key, `Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+`))
		}
		if slices.ContainsFunc(tags, func(u account.Tag) bool { return strings.EqualFold(u.Key, t.Key) }) {
			// A session would have both values, and conditions would take either.
			c.fail(&fault.Fault{Code: "InvalidInput", Message: "Duplicate tag keys found. Please note that Tag keys are case insensitive."})
		}
		tags = append(tags, t)
	}
	return tags
}

func notInTags(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.Z, unicode.N) && !strings.ContainsRune("_.:/=+-@", r)
}

// version gives the number of a policy's version, which is written as v1.
func (c *call) version() int {
	v := c.required("VersionId", 2, 11)
	n, err := strconv.Atoi(strings.TrimPrefix(v, "v"))
	if v != "" && (v[0] != 'v' || err != nil || n < 1) {
		c.fail(constraint("VersionId", v, `Member must satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`))
	}
	return n
}

// page writes the part of a list that is asked for, and how to get the next.
func page[T any](c *call, list string, items []T, key func(T) string, each func(T)) error {
	shown, next, err := cut(c, items, key)
	if err != nil {
		return err
	}
	if n := awsquery.ListWithin(c.x, pageBytesMax, list, shown, each); n < len(shown) {
		next = markerOf(key(shown[n-1]))
	}
	c.writeNext(next)
	return nil
}

// pageBytesMax is how many bytes the items of a page have at most; the answer has 1 MiB.
const pageBytesMax = 1<<20 - 16<<10

// cut gives the part of a list that is asked for, and the marker of the next if
// there is more. The items are in order of their keys.
func cut[T any](c *call, items []T, key func(T) string) (shown []T, next string, err error) {
	most := c.number("MaxItems", 1, 1000, 100)
	after := ""
	if marker, given := c.Lookup("Marker"); given {
		b, err := base64.RawURLEncoding.DecodeString(marker)
		if err != nil || len(b) == 0 {
			c.fail(invalid("Invalid Marker."))
		}
		after = string(b)
	}
	if c.flaw != nil {
		return nil, "", c.flaw
	}
	for after != "" && len(items) > 0 && key(items[0]) <= after {
		items = items[1:]
	}
	if len(items) <= most {
		return items, "", nil
	}
	last := key(items[most-1])
	return items[:most], markerOf(last), nil
}

// markerOf is the marker of the page that begins after a key.
func markerOf(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

func (c *call) writeNext(marker string) {
	c.x.Bool("IsTruncated", marker != "")
	c.x.TextIf("Marker", marker)
}

// pageNames is page for texts in order.
func (c *call) pageNames(list string, names []string) error {
	shown, next, err := cut(c, names, func(name string) string { return name })
	if err != nil {
		return err
	}
	c.x.Texts(list, shown)
	c.writeNext(next)
	return nil
}
