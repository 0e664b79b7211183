package wire

import "heddle/internal/aws/shape"

// History is a GetExecutionHistoryOutput whose events stay the bytes as which they are
// stored.
type History struct {
	Events    []byte // as a JSON list has them, with commas between and no brackets
	NextToken *string
}

// AppendJSON appends the output.
func (v *History) AppendJSON(b []byte) []byte {
	b = append(b, `{"events":[`...)
	b = append(b, v.Events...)
	b = append(b, ']')
	if v.NextToken != nil {
		b = append(b, `,"nextToken":`...)
		b = shape.AppendString(b, *v.NextToken)
	}
	return append(b, '}')
}
