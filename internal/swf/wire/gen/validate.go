package main

import (
	"fmt"
	"slices"
)

// enumOrder is the order of an enum's values in messages where it is known not
// to be the model's.
var enumOrder = map[string][]string{
	"DecisionType": {
		"CompleteWorkflowExecution", "StartTimer", "RequestCancelExternalWorkflowExecution",
		"SignalExternalWorkflowExecution", "CancelTimer", "RecordMarker", "ScheduleActivityTask",
		"ContinueAsNewWorkflowExecution", "ScheduleLambdaFunction", "FailWorkflowExecution",
		"RequestCancelActivityTask", "StartChildWorkflowExecution", "CancelWorkflowExecution",
	},
}

// checkFirst are the members that are complained about before the others.
var checkFirst = map[string]string{
	"DescribeWorkflowExecutionInput":   "execution",
	"GetWorkflowExecutionHistoryInput": "execution",
}

// shapeRule is what the service asks of all members of a shape beyond the model. A
// rule about a task list is about its name.
var shapeRule = map[string]string{
	"DurationInSeconds":         "seconds",
	"DurationInSecondsOptional": "secondsOrNone",
	"DurationInDays":            "daysOrNone",
	"TaskPriority":              "priority",
	"ResourceTagKey":            "resourceTag",
	"ResourceTagValue":          "resourceTag",
	"TaskList":                  "trimmedName", // what may not be polled may not be named either
}

// memberRule is what the manual asks of single members; it takes precedence
// over shapeRule.
var memberRule = map[string]string{
	"RegisterDomainInput.name":                                      "trimmedName",
	"RegisterActivityTypeInput.name":                                "name",
	"RegisterActivityTypeInput.version":                             "name",
	"RegisterWorkflowTypeInput.name":                                "name",
	"RegisterWorkflowTypeInput.version":                             "name",
	"RegisterWorkflowTypeInput.defaultExecutionStartToCloseTimeout": "seconds",
	"StartWorkflowExecutionInput.domain":                            "name",
	"StartWorkflowExecutionInput.workflowId":                        "name",
	"StartWorkflowExecutionInput.executionStartToCloseTimeout":      "seconds",
	"ScheduleActivityTaskDecisionAttributes.activityId":             "name",
	"StartChildWorkflowExecutionDecisionAttributes.workflowId":      "name",
	"StartTimerDecisionAttributes.timerId":                          "name",
	"ScheduleLambdaFunctionDecisionAttributes.startToCloseTimeout":  "lambdaSeconds",
}

func (g *generator) validators() {
	for s := range g.structures {
		if !g.validated[s.Name] {
			continue
		}
		if g.isInput(s) {
			g.p("// Validate tells what is wrong with the request; its text is for the caller.")
			g.p("func (v *%s) Validate() error {", s.Name)
			g.p("var c violations\nv.validate(&c, nil)")
			if s.Name == "RespondDecisionTaskCompletedInput" {
				g.p("return c.err(closeFlaw(v.Decisions), attributesFlaw(v.Decisions))\n}\n")
			} else {
				g.p("return c.err(\"\", \"\")\n}\n")
			}
		}
		g.p("func (v *%s) validate(c *violations, at *place) {", s.Name)
		ordered := slices.Clone(s.Members)
		slices.SortStableFunc(ordered, func(a, b member) int {
			switch checkFirst[s.Name] {
			case a.Name:
				return -1
			case b.Name:
				return 1
			}
			return 0
		})
		for _, f := range ordered {
			g.validateMember(s, f)
		}
		g.p("}\n")
	}
}

func (g *generator) isInput(s *shape) bool {
	for _, op := range g.model.Operations {
		if op.Input.Shape == s.Name {
			return true
		}
	}
	return false
}

func (g *generator) validateMember(s *shape, f member) {
	key := s.Name + "." + f.Name
	rule := memberRule[key]
	if rule == "" {
		rule = shapeRule[f.Shape.Name]
	}
	field := "v." + goName(f.Name)
	here := fmt.Sprintf("place{at, %q, 0}", f.Name)
	value := field
	if !f.Required && f.Shape.Type != "structure" && f.Shape.Type != "list" {
		value = "*" + field
	}
	checks := g.checks(f.Shape, value, field, here, rule)
	switch {
	case f.Required:
		g.p("if v.missing&(%s) != 0 {\nc.null(%s)\n}", missingBit(s, f.Name), here)
		if checks != "" {
			g.out.Truncate(g.out.Len() - 1)
			g.p(" else {\n%s}", checks)
		}
	case checks == "":
	case f.Shape.Type == "list":
		g.out.WriteString(checks)
	default:
		g.p("if %s != nil {\n%s}", field, checks)
	}
}

// checks is the code that checks a value that is present.
func (g *generator) checks(s *shape, value, field, here, rule string) string {
	switch s.Type {
	case "string":
		return g.stringChecks(s, value, here, rule)
	case "integer":
		lowest, highest := int64(-1<<31), int64(1<<31-1)
		if s.Min != nil {
			lowest = int64(*s.Min)
		}
		if s.Max != nil {
			highest = int64(*s.Max)
		}
		return fmt.Sprintf("c.integer(%s, %s, %d, %d)\n", here, value, lowest, highest)
	case "structure":
		code := fmt.Sprintf("at := %s\n%s.validate(c, &at)\n", here, field)
		if rule != "" {
			code += fmt.Sprintf("c.%s(place{&at, \"name\", 0}, %s.Name)\n", rule, field)
		}
		return code
	case "list":
		element := g.element(s)
		code := ""
		if s.Max != nil {
			code = fmt.Sprintf("c.list(%s, %s, %d)\n", here, value, *s.Max)
		}
		at := fmt.Sprintf("place{at, %s, i+1}", here[len("place{at, "):len(here)-len(", 0}")])
		code += fmt.Sprintf("for i := range %s {\n", value)
		if element.Type == "structure" {
			code += fmt.Sprintf("at := %s\nif %s[i].missing == missingSelf {\nc.null(at)\n} else {\n%s[i].validate(c, &at)\n}\n", at, value, value)
			return code + "}\n"
		}
		null := fmt.Sprintf("c.null(%s)\n", at)
		if element.Name == "Tag" { // SWF takes a null for a tag, and shows it again
			null = ""
		}
		checks := g.stringChecks(element, value+"[i]", at, shapeRule[element.Name])
		if null == "" {
			return code + fmt.Sprintf("if %s[i] != Null {\n%s}\n}\n", value, checks)
		}
		return code + fmt.Sprintf("if %s[i] == Null {\n%s} else {\n%s}\n}\n", value, null, checks)
	}
	return ""
}

func (g *generator) stringChecks(s *shape, value, here, rule string) string {
	if s.Enum != nil {
		return fmt.Sprintf("c.enum(%s, %s, %sValues)\n", here, value, s.Name)
	}
	code := ""
	lowest := 0
	if s.Min != nil {
		lowest = *s.Min
	}
	if s.Max != nil {
		code = fmt.Sprintf("c.length(%s, %s, %d, %d)\n", here, value, lowest, *s.Max)
	}
	if rule != "" {
		code += fmt.Sprintf("c.%s(%s, %s)\n", rule, here, value)
	}
	return code
}
