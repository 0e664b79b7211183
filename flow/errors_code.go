package flow

// None is the type of what is not there: an input or a result without content.
type None struct{}
