package server

// resets is what a caller's wish calls that the server forget all that it has; nil: the store is
// not the process's memory, or nobody would start the server anew.
func (s *Server) resets() func() {
	if s.cfg.Store != StoreMemory {
		return nil
	}
	return s.cfg.Reset
}
