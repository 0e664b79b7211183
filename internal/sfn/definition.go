package sfn

import (
	"context"
	"strings"

	"heddle/internal/sfn/asl"
	"heddle/internal/sfn/registry"
	"heddle/internal/sfn/wire"
)

// compile makes a machine of the text of a definition. It tells all that it finds wrong; if
// there is an error among it, the machine is nil.
func compile(definition string, express bool) (*asl.Machine, []asl.Diagnostic) {
	return asl.Compile([]byte(definition), asl.Options{Express: express})
}

// putDefinition checks a definition and keeps it. Errors: InvalidDefinition.
func (s *actions) putDefinition(ctx context.Context, definition string, express bool) (registry.Definition, error) {
	machine, found := compile(definition, express)
	if machine == nil {
		return registry.Definition{}, refusal(wire.CodeInvalidDefinition, asl.Message(definition, found))
	}
	ref, err := s.Blobs.Put(ctx, strings.NewReader(definition))
	return registry.Definition{ID: ref.ID, Bytes: ref.Size}, err
}

// validateStateMachineDefinition serves ValidateStateMachineDefinition.
func (s *actions) validateStateMachineDefinition(_ context.Context, in *wire.ValidateStateMachineDefinitionInput) (*wire.ValidateStateMachineDefinitionOutput, error) {
	_, found := compile(in.Definition, text(in.Type) == wire.StateMachineTypeExpress)
	least := asl.Error
	if text(in.Severity) == wire.ValidateStateMachineDefinitionSeverityWarning {
		least = asl.Warning
	}
	told, truncated := asl.Select(found, least, pageSize(in.MaxResults))
	out := &wire.ValidateStateMachineDefinitionOutput{
		Diagnostics: []wire.ValidateStateMachineDefinitionDiagnostic{}, Result: wire.ValidateStateMachineDefinitionResultCodeOk, Truncated: &truncated,
	}
	if asl.Failed(found) {
		out.Result = wire.ValidateStateMachineDefinitionResultCodeFail
	}
	for _, d := range told {
		out.Diagnostics = append(out.Diagnostics, wire.ValidateStateMachineDefinitionDiagnostic{
			Code: d.Code, Severity: string(d.Severity), Location: present(d.Location), Message: d.Message,
		})
	}
	return out, nil
}
