package wire

import (
	"strings"

	"heddle/internal/aws/shape"
)

// The rules of gen.json: what the service says of values in words of its own.

func checkName(c *shape.Violations, at shape.Place, s string) {
	if strings.ContainsFunc(s, notInNames) {
		c.Say("The specified value for " + at.String() + " is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-")
	}
}

func notInNames(r rune) bool {
	alphanumeric := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !alphanumeric && !strings.ContainsRune("+=,.@_-", r)
}

func checkPath(c *shape.Violations, at shape.Place, s string) {
	outside := func(r rune) bool { return r < 0x21 || r > 0x7e }
	if !strings.HasPrefix(s, "/") || !strings.HasSuffix(s, "/") || strings.Contains(s, "//") || strings.ContainsFunc(s, outside) {
		c.Say("The specified value for " + at.String() + " is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.")
	}
}

func checkAction(c *shape.Violations, at shape.Place, s string) {
	if service, name, ok := strings.Cut(s, ":"); !ok || service == "" || name == "" {
		c.Add(at, "'"+s+"'", "be a service, a colon and an action")
	}
}
