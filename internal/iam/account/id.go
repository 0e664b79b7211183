package account

import (
	"encoding/base32"
	"fmt"
	"io"
)

// idPrefixes begin the ids of entities; that of policies stands at 0.
var idPrefixes = [...]string{0: "ANPA", User: "AIDA", Group: "AGPA", Role: "AROA"}

// NewID makes the id of an entity.
func NewID(entityType EntityType, random io.Reader) (string, error) {
	return newID(idPrefixes[entityType], random)
}

// NewPolicyID makes the id of a policy.
func NewPolicyID(random io.Reader) (string, error) { return newID(idPrefixes[0], random) }

func newID(prefix string, random io.Reader) (string, error) {
	var id [10]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return "", fmt.Errorf("make an id: %w", err)
	}
	return prefix + base32.StdEncoding.EncodeToString(id[:]) + "H", nil // as long as AWS's
}
