"""What every Souk service stands on. It knows no shop word: nothing here speaks of orders or stock."""
