package sfn

import (
	"context"
	"strings"

	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/wire"
)

// putDefinition checks a definition and keeps it. Errors: InvalidDefinition.
func (s *actions) putDefinition(ctx context.Context, definition string, express bool) (registry.Definition, error) {
	if _, found := asl.Compile([]byte(definition), asl.Options{Express: express}); asl.Failed(found) {
		return registry.Definition{}, refusal(wire.CodeInvalidDefinition, asl.Message(definition, found))
	}
	ref, err := s.Blobs.Put(ctx, strings.NewReader(definition))
	return registry.Definition{ID: ref.ID, Bytes: ref.Size}, err
}

// validateStateMachineDefinition serves ValidateStateMachineDefinition.
func (s *actions) validateStateMachineDefinition(_ context.Context, in *wire.ValidateStateMachineDefinitionInput) (*wire.ValidateStateMachineDefinitionOutput, error) {
	_, found := asl.Compile([]byte(in.Definition), asl.Options{Express: text(in.Type) == wire.StateMachineTypeExpress})
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
