package sfn

import (
	"bytes"
	"context"
	"fmt"

	"heddle/internal/blob"
	"heddle/internal/kms/datakey"
	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/wire"
)

// putDefinition checks a definition of a machine, and keeps it, sealed if its data is.
// Errors: InvalidDefinition, *execution.KeyError.
func (s *actions) putDefinition(ctx context.Context, definition string, express bool, e registry.Encryption, machine string) (registry.Definition, error) {
	if _, found := asl.Compile([]byte(definition), asl.Options{Express: express, Calls: s.calls.known}); asl.Failed(found) {
		return registry.Definition{}, refusal(wire.CodeInvalidDefinition, asl.Message(definition, found))
	}
	d := registry.Definition{Bytes: int64(len(definition)), Digest: s.digest(definition)}
	stored := []byte(definition)
	if e.Key != "" {
		var err error
		if stored, d.DataKey, err = s.sealDefinition(ctx, e, machine, definition); err != nil {
			return d, err
		}
	}
	ref, err := s.Blobs.Put(ctx, bytes.NewReader(stored))
	d.ID = ref.ID
	return d, err
}

// definition reads the text of a definition, which open opens if it is sealed. Errors:
// *execution.KeyError.
func (s *actions) definition(ctx context.Context, id blob.ID, e registry.Encryption, open func(sealed []byte) ([]byte, error)) ([]byte, error) {
	b, err := s.Blobs.Read(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read the definition of a state machine: %w", err)
	}
	if e.Key == "" {
		return b, nil
	}
	return open(b)
}

// asCaller opens definitions of a machine in the caller's right.
func (s *actions) asCaller(ctx context.Context, e registry.Encryption, machine string) func([]byte) ([]byte, error) {
	return func(sealed []byte) ([]byte, error) { return s.openSealed(ctx, callerUse(ctx, e, machine), sealed) }
}

// shownDefinition gives who calls the text of a definition, and the variables that it uses.
// Errors: *execution.KeyError.
func (s *actions) shownDefinition(ctx context.Context, id blob.ID, e registry.Encryption, machine string) (text string, reads map[string][]string, err error) {
	b, err := s.definition(ctx, id, e, s.asCaller(ctx, e, machine))
	if err != nil {
		return "", nil, err
	}
	m, err := s.machines.Add(id, b)
	if err != nil {
		return "", nil, err
	}
	if len(m.Reads) > 0 {
		reads = m.Reads
	}
	return string(b), reads, nil
}

// machine gives the compiled machine of a stored definition. If that is sealed, dataKey is
// asked for the key of it even when the machine is at hand: it may be so for others. Errors:
// *execution.KeyError.
func (s *actions) machine(ctx context.Context, id blob.ID, e registry.Encryption, dataKey func() (datakey.Sealer, error)) (*asl.Machine, error) {
	var open func(sealed []byte) ([]byte, error)
	if e.Key != "" {
		key, err := dataKey()
		if err != nil {
			return nil, err
		}
		open = func(sealed []byte) ([]byte, error) {
			b, err := key.Open(sealed)
			return b, keyError(err)
		}
	}
	if m := s.machines.Find(id); m != nil {
		return m, nil
	}
	b, err := s.definition(ctx, id, e, open)
	if err != nil {
		return nil, err
	}
	return s.machines.Add(id, b)
}

// validateStateMachineDefinition serves ValidateStateMachineDefinition.
func (s *actions) validateStateMachineDefinition(_ context.Context, in *wire.ValidateStateMachineDefinitionInput) (*wire.ValidateStateMachineDefinitionOutput, error) {
	_, found := asl.Compile([]byte(in.Definition), asl.Options{Express: text(in.Type) == wire.StateMachineTypeExpress, Calls: s.calls.known})
	out := &wire.ValidateStateMachineDefinitionOutput{
		Diagnostics: []wire.ValidateStateMachineDefinitionDiagnostic{}, Result: wire.ValidateStateMachineDefinitionResultCodeOk,
	}
	if asl.Failed(found) {
		out.Result = wire.ValidateStateMachineDefinitionResultCodeFail
	}
	least := asl.Error
	if in.Severity != nil {
		least = asl.Severity(*in.Severity)
	}
	found, truncated := asl.Select(found, least, pageSize(in.MaxResults))
	out.Truncated = &truncated
	for _, d := range found {
		out.Diagnostics = append(out.Diagnostics, wire.ValidateStateMachineDefinitionDiagnostic{
			Code: d.Code, Severity: string(d.Severity), Location: present(d.Location), Message: d.Message,
		})
	}
	return out, nil
}
