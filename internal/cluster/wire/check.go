package wire

import "reflect"

// Check tells what of a type can't be written.
func Check(t reflect.Type) error { return check(t, map[reflect.Type]bool{}) }
