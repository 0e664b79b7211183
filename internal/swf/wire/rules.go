package wire

import (
	"strconv"
	"strings"
	"unicode"

	"heddle/internal/aws/shape"
)

// None is the duration without a limit.
const None = "NONE"

// Seconds reads a duration that was validated. Limited is false for None.
func Seconds(duration string) (n int64, limited bool) {
	if duration == None {
		return 0, false
	}
	n, err := strconv.ParseInt(duration, 10, 64)
	return n, err == nil
}

// Priority reads a task priority that was validated.
func Priority(s string) int32 {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		return 0
	}
	return int32(n)
}

// The rules of gen.json: what the service asks of values beyond the model.

func checkName(c *shape.Violations, at shape.Place, s string) {
	checkLetters(c, at, s, func(r rune) bool { return r == ':' || r == '/' || r == '|' || isControl(r) },
		"must not contain : (colon), / (slash), | (vertical bar) or a control character")
}

// checkWorkflowID is more lenient than the manual, which forbids what checkName does:
// deciders name children by their own runId and a number, with a colon between, and a
// runId may hold slashes. Control characters stay out: execution.Key relies on it.
func checkWorkflowID(c *shape.Violations, at shape.Place, s string) {
	checkLetters(c, at, s, isControl, "must not contain a control character")
}

func checkLetters(c *shape.Violations, at shape.Place, s string, bad func(rune) bool, why string) {
	if s == "arn" {
		c.Refuse(at, s, "must not be the literal string arn")
	} else if strings.ContainsFunc(s, bad) {
		c.Refuse(at, s, why)
	}
}

func isControl(r rune) bool { return r <= 0x1f || r >= 0x7f && r <= 0x9f }

func checkTrimmedName(c *shape.Violations, at shape.Place, s string) {
	if strings.TrimSpace(s) != s {
		c.Refuse(at, s, "must not start or end with whitespace")
		return
	}
	checkName(c, at, s)
}

// checkTaskList: what may not be polled may not be named either.
func checkTaskList(c *shape.Violations, at shape.Place, list *TaskList) {
	checkTrimmedName(c, at.Member("name"), list.Name)
}

func checkSeconds(c *shape.Violations, at shape.Place, s string) {
	if !isDigits(s) {
		c.Refuse(at, s, "must be a number of seconds, 0 or more")
	}
}

func checkSecondsOrNone(c *shape.Violations, at shape.Place, s string) {
	if s != None && !isDigits(s) {
		c.Refuse(at, s, "must be a number of seconds, 0 or more, or NONE")
	}
}

// LambdaSecondsMax is the longest that a Lambda function runs.
const LambdaSecondsMax = 900

func checkLambdaSeconds(c *shape.Violations, at shape.Place, s string) {
	if n, ok := Seconds(s); !ok || !isDigits(s) || n < 1 || n > LambdaSecondsMax {
		c.Refuse(at, s, "must be a number of seconds from 1 to "+strconv.Itoa(LambdaSecondsMax))
	}
}

func checkDaysOrNone(c *shape.Violations, at shape.Place, s string) {
	if s != None && !isDigits(s) {
		c.Refuse(at, s, "must be a number of days, 0 or more, or NONE")
	}
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func checkPriority(c *shape.Violations, at shape.Place, s string) {
	if _, err := strconv.ParseInt(s, 10, 32); err != nil {
		c.Refuse(at, s, "must be an integer from -2147483648 to 2147483647")
	}
}

func checkResourceTag(c *shape.Violations, at shape.Place, s string) {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsSpace(r) && !strings.ContainsRune("_.:/=+-@", r) {
			c.Refuse(at, s, "may only contain letters, digits, whitespace and _ . : / = + - @")
			return
		}
	}
}

// DecisionsFlaw tells what is wrong with a list of decisions as a whole, in the
// service's words; "" if nothing.
func DecisionsFlaw(decisions []Decision) string {
	if flaw := closeFlaw(decisions); flaw != "" {
		return flaw
	}
	return attributesFlaw(decisions)
}

func (v *RespondDecisionTaskCompletedInput) closeFlaw() string { return closeFlaw(v.Decisions) }

func (v *RespondDecisionTaskCompletedInput) attributesFlaw() string {
	return attributesFlaw(v.Decisions)
}

func closeFlaw(decisions []Decision) string {
	for i := range decisions {
		if decisions[i].Closes() && i != len(decisions)-1 {
			return "Close must be last decision in list"
		}
	}
	return ""
}

func attributesFlaw(decisions []Decision) string {
	for i := range decisions {
		if d := &decisions[i]; d.Body() == nil {
			return d.DecisionType + "DecisionAttributes must be specified for decision of type " + d.DecisionType
		}
	}
	return ""
}

// Closes tells whether the decision closes the execution.
func (v *Decision) Closes() bool {
	switch v.DecisionType {
	case DecisionTypeCompleteWorkflowExecution, DecisionTypeFailWorkflowExecution,
		DecisionTypeCancelWorkflowExecution, DecisionTypeContinueAsNewWorkflowExecution:
		return true
	}
	return false
}
