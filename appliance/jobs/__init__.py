"""What runs by the clock; owns the only APScheduler."""
