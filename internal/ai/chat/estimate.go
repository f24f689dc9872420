package chat

// Estimate is the most that a call should use, for a reservation before it.
type Estimate struct {
	Input, Output int64   // tokens
	Cost          float64 // in the prices' currency
}

// Estimate judges a request before it is sent: the input by its size, the
// output by what the request permits (max_tokens or max_completion_tokens,
// times n), or undeclared tokens where it sets no bound. The cost is at the
// highest price among the targets that may answer. A request that cannot be
// read is estimated at its size: the call itself will say what is wrong.
func (s *Service) Estimate(operation string, input []byte, undeclared int64) Estimate {
	if operation == Models {
		return Estimate{}
	}
	e := Estimate{Input: int64(len(input)+3) / 4}
	h, err := readHead(input)
	if err != nil {
		return e
	}
	if operation == Complete {
		if e.Output = h.MaxTokens; e.Output == 0 {
			e.Output = undeclared
		}
		e.Output = saturate(e.Output, max(h.Choices, 1))
	}
	targets, err := s.config.Resolve(h.Model)
	if err != nil {
		return e
	}
	for _, t := range targets {
		p := s.config.price([]Target{t})("")
		e.Cost = max(e.Cost, (float64(e.Input)*p.Input+float64(e.Output)*p.Output)/1e6)
	}
	return e
}

// mostTokens bounds an estimate: no model answers as much, and sums of it
// don't overflow.
const mostTokens = 1 << 40

func saturate(a, b int64) int64 {
	if a > mostTokens/b {
		return mostTokens
	}
	return a * b
}
