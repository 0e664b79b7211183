package asl

import (
	"strings"

	"heddle/jsonvalue"
)

// Severity tells what stops a definition from being taken from what only looks wrong.
type Severity string

const (
	Error   Severity = "ERROR"
	Warning Severity = "WARNING"
)

// Codes of diagnostics (Step Functions API Reference, ValidateStateMachineDefinitionDiagnostic;
// those of JSONata are not in its list, but are what the service answers).
const (
	InvalidJSON           = "INVALID_JSON_DESCRIPTION"
	SchemaFailed          = "SCHEMA_VALIDATION_FAILED"
	MissingTarget         = "MISSING_TRANSITION_TARGET"
	MissingEnd            = "MISSING_END_STATE"
	DuplicateStateName    = "DUPLICATE_STATE_NAME"
	InvalidStateName      = "INVALID_STATE_NAME"
	DuplicateLabel        = "DUPLICATE_LABEL_NAME"
	InvalidLabel          = "INVALID_LABEL_NAME"
	TooDeep               = "TOO_DEEPLY_NESTED"
	InvalidExpression     = "INVALID_JSONATA_EXPRESSION"
	UnsupportedExpression = "UNSUPPORTED_JSONATA_EXPRESSION"
	NoDollar              = "NO_DOLLAR"             // a warning
	NoPath                = "NO_PATH"               // a warning
	ResultIsStatic        = "PASS_RESULT_IS_STATIC" // a warning
)

// Diagnostic is one thing that is wrong with a definition. Code, location and message are
// the service's, as far as they are known; messages with the comment "ours" are worded
// like them.
type Diagnostic struct {
	Code     string
	Severity Severity
	Location string // "/States/X/Retry[0]/ErrorEquals"; empty: none
	Message  string
}

// Failed tells whether one of them is an error: such a definition gives no machine.
func Failed(diagnostics []Diagnostic) bool {
	for _, d := range diagnostics {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Select gives the diagnostics that are at least as severe, at most so many of them;
// truncated tells that there are more (Step Functions API Reference,
// ValidateStateMachineDefinition).
func Select(diagnostics []Diagnostic, least Severity, most int) (selected []Diagnostic, truncated bool) {
	for _, d := range diagnostics {
		if least == Error && d.Severity == Warning {
			continue
		}
		if len(selected) == most {
			return selected, true
		}
		selected = append(selected, d)
	}
	return selected, false
}

// Message is the text of the fault InvalidDefinition for a definition that Failed.
func Message(definition string, diagnostics []Diagnostic) string {
	var texts []string
	for _, d := range diagnostics {
		if d.Severity != Error {
			continue
		}
		if d.Code == InvalidLabel && len(texts) == 0 {
			// Labels are looked at by another part of the service, when all else is
			// well, and it speaks Python.
			return "Error=ValueError Args=[" + pythonText(d.Message) + "] in definition '" + definition + "'."
		}
		location := d.Location
		if location == "" {
			location = "null"
		}
		texts = append(texts, d.Code+": "+d.Message+" at "+location)
	}
	return "Invalid State Machine Definition: '" + strings.Join(texts, ", ") + "'"
}

// Bounds of what one definition is told about itself.
const (
	diagnosticsMax     = 1000
	diagnosticBytesMax = 1 << 20
)

func (c *compiler) report(d Diagnostic) {
	if d.Severity == Error {
		c.failed = true
	}
	size := len(d.Location) + len(d.Message)
	if len(c.diagnostics) == diagnosticsMax || c.diagnosticBytes+size > diagnosticBytesMax {
		return
	}
	c.diagnosticBytes += size
	c.diagnostics = append(c.diagnostics, d)
}

// fail reports an error.
func (c *compiler) fail(code, at, message string) {
	c.report(Diagnostic{Code: code, Severity: Error, Location: at, Message: message})
}

// warn reports a warning.
func (c *compiler) warn(code, at, message string) {
	c.report(Diagnostic{Code: code, Severity: Warning, Location: at, Message: message})
}

// wrong reports a fault of form.
func (c *compiler) wrong(at, message string) {
	if at == "" {
		at = "/" // of the machine itself
	}
	c.fail(SchemaFailed, at, message)
}

// unwritable reports a fault of form that a machine can be made in spite of: of a definition that was stored it is none
// (Options.Stored). What was taken once is refused here alone.
func (c *compiler) unwritable(at, message string) {
	if !c.stored {
		c.wrong(at, message)
	}
}

// notJSON reports a text that is no JSON.
func (c *compiler) notJSON(definition string, err *jsonvalue.SyntaxError) {
	location := jacksonLocation(definition, err.Line, err.Column)
	c.fail(InvalidJSON, location, err.Message+"\n at "+location)
}
