"""What tokens cost, before and after they are paid for."""
