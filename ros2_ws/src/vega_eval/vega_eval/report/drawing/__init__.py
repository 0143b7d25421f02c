"""Figures as SVG text; each also reads in grey, and says in words what it shows."""
