package ets

import "math"

// Forecast gives the mean and the standard deviation of the next h
// observations: classes 1, 2 and 3 of the book's chapter 6 (exact for linear
// models, the book's close approximation for multiplicative seasons).
func (o *Model) Forecast(h int) (mean, sd []float64) {
	mean, sd = make([]float64, h), make([]float64, h)
	c := make([]float64, h+1)     // effect of one error j steps later
	theta := make([]float64, h+1) // second moments, classes 2 and 3
	multiplicative := o.Form.Error == Multiplicative
	seasonalM := o.Form.Season == Multiplicative
	var damp, pow, sumC2 float64
	pow = 1
	for j := 1; j <= h; j++ {
		pow *= o.Phi
		damp += pow
		base := o.level + damp*o.trend
		if o.Form.Trend == None {
			base = o.level
		}
		si := o.season[(j-1)%o.m]
		mu := base
		if o.Form.Season == Additive {
			mu += si
		}
		c[j] = o.Alpha
		if o.Form.Trend != None {
			c[j] += o.Beta * damp
		}
		if o.Form.Season == Additive && j%o.m == 0 {
			c[j] += o.Gamma
		}
		var variance float64
		if multiplicative {
			theta[j] = mu * mu
			for i := 1; i < j && i <= varianceMemory; i++ {
				theta[j] += o.Sigma2 * c[i] * c[i] * theta[j-i]
			}
			variance = (1+o.Sigma2)*theta[j] - mu*mu
			if seasonalM {
				seasons := float64((j - 1) / o.m)
				variance = theta[j]*(1+o.Sigma2)*math.Pow(1+o.Gamma*o.Gamma*o.Sigma2, seasons) - mu*mu
				variance *= si * si
				mu *= si
			}
		} else {
			variance = o.Sigma2 * (1 + sumC2)
			sumC2 += c[j] * c[j]
		}
		mean[j-1], sd[j-1] = mu, math.Sqrt(max(variance, 0))
	}
	return mean, sd
}

// varianceMemory bounds the convolution of long horizons. Forecasts that far
// ahead have intervals so wide that the truncation does not show.
const varianceMemory = 1000
