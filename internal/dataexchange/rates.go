package dataexchange

import "heddle/internal/dataexchange/wire"

// unlimited are all actions: AWS tells no rates for them. An operator may limit them.
func unlimited() (names []string) {
	for _, o := range wire.Operations {
		names = append(names, o.Name)
	}
	return names
}
